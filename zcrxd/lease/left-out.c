/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See left-out.h. They are not put together to prefixes, though that would fit: what proves a flow is asked
 * address by address, each second, and a prefix that grows or shrinks would be another flow, for which
 * connections are older than its guard (lease/older.c).
 */
#include <errno.h>

#include "clock.h"
#include "flows.h"
#include "left-out.h"
#include "log.h"
#include "policy.h"
#include "proof.h"
#include "rules.h"

#define AGAIN_USEC (64 * 1000000ULL)

/* Told once: addresses come and go one by one. */
static void tell(const struct lease *l, const struct left_out *left)
{
	_cleanup_free_ char *text = NULL;

	if (left_out_format(left, &text) == 0 && text)
		log_message(LOG_WARNING, &(struct log_fields){ .lease = l->id }, "Lease %08x: %s", l->id,
			    text);
}

void left_out_note(struct proof *p, const struct flow *flows, size_t n, const char *why)
{
	struct left_out *left = &p->left_out;
	bool news = n > 0 && (!left->why || !streq(left->why, why ?: "?"));

	lease_touch(p->lease);
	left->n = n;
	for (size_t i = 0; i < n && i < LEFT_OUT_LISTED; i++)
		left->flows[i] = flows[i];
	left->again = now_usec(CLOCK_MONOTONIC) + AGAIN_USEC;
	if (n == 0 || news) {
		free(left->why);
		left->why = n > 0 ? strdup(why ?: "?") : NULL;
	}
	if (news)
		tell(p->lease, left);
}

void left_out_done(struct left_out *left)
{
	free(left->why);
	*left = (struct left_out){};
}

void left_out_retry_now(struct lease *l)
{
	struct proof *p;

	LIST_FOREACH(p, &l->proofs, entry)
		p->left_out.again = 0;
}

bool left_out_is_due(const struct left_out *left)
{
	return left->n > 0 && now_usec(CLOCK_MONOTONIC) >= left->again;
}

int left_out_explain(const struct lease *l, struct fault *fault)
{
	_cleanup_free_ char *before = fault->message, *subject = fault->subject;

	fault->message = fault->subject = NULL;
	return fault_set(fault, fault->kind, subject,
			 "%s The listener is on all addresses, which takes one flow for each address of %s; "
			 "one that is bound to an address takes one.",
			 before ?: "", device_name(l->device));
}

/* -------------------------------------------------------------------------- more of them */

/* For so many of n flows there is room, and why not for the rest. */
static size_t find_room(const struct lease *l, size_t n, struct fault *ret)
{
	const size_t lease = l->n_flows < LEASE_FLOWS_MAX ? LEASE_FLOWS_MAX - l->n_flows : 0;
	struct policy_usage usage;
	uint64_t policy;

	leases_usage(l->leases, l->owner_uid, &usage);
	policy = usage.flows < l->max_flows ? l->max_flows - usage.flows : 0;
	if (n <= lease && n <= policy)
		return n;
	if (lease <= policy)
		(void)fault_set(ret, ZCRX_QUOTA_EXCEEDED, "flows", "A lease has at most %u flows.",
				LEASE_FLOWS_MAX);
	else
		(void)fault_set(ret, ZCRX_QUOTA_EXCEEDED, "max-flows",
				"The policy sets max-flows of its user to %ju.", (uintmax_t)l->max_flows);
	(void)left_out_explain(l, ret);
	return lease <= policy ? lease : (size_t)policy;
}

/* What is on its way; its proof may be gone when it comes there. */
struct adding {
	uint64_t cookie;
	unsigned queue;
	bool all; /* there is nothing else that is left out */
	size_t n;
	struct flow flows[];
};

static void on_more_added(struct lease *l, int r, struct fault *fault, const struct flow_list *added,
			  void *userdata)
{
	struct adding *a = userdata;
	struct proof *p;

	LIST_FOREACH(p, &l->proofs, entry) {
		if (!p->proved || p->gone || p->facts.cookie != a->cookie || p->queue != a->queue)
			continue;
		if (r != 0)
			left_out_note(p, a->flows, a->n, fault_text(r, fault));
		else if (a->all)
			left_out_note(p, NULL, 0, NULL);
	}
	free(a);
}

static int install_more(struct proof *p, const struct flow *flows, size_t n, bool all,
			struct fault *reterr)
{
	struct adding *a = malloc(sizeof(*a) + n * sizeof(*flows));
	struct flow_list list = {};
	int r;

	if (!a)
		return -ENOMEM;
	*a = (struct adding){ .cookie = p->facts.cookie, .queue = p->queue, .all = all, .n = n };
	memcpy(a->flows, flows, n * sizeof(*flows));
	r = lease_flows_add(p->lease, p->queue, flows, n, p, &list, reterr);
	if (r == 0) {
		r = lease_flows_install(p->lease, &list, on_more_added, a);
		if (r < 0)
			lease_flows_free(p->lease, &list);
	}
	flow_list_done(&list);
	if (r != 0)
		free(a);
	return r;
}

void left_out_add(struct proof *p, const struct flow *flows, size_t n)
{
	_cleanup_fault_ struct fault full = {}, fault = {};
	size_t room = find_room(p->lease, n, &full);
	int r = 0;

	if (room < n)
		left_out_note(p, flows + room, n - room, full.message);
	if (room > 0)
		r = install_more(p, flows, room, room == n, &fault);
	if (r != 0)
		left_out_note(p, flows, n, fault_text(r, &fault));
}

/* ------------------------------------------------------------------------------- in words */

int left_out_format(const struct left_out *left, char **ret)
{
	_cleanup_free_ char *flow = NULL;
	int r;

	*ret = NULL;
	if (left->n == 0)
		return 0;
	if (flow_format(&left->flows[0], &flow) < 0)
		return -ENOMEM;
	if (left->n == 1)
		r = asprintf(ret, "%s is not steered, and copied: %s", flow, left->why ?: "?");
	else
		r = asprintf(ret, "%s and %zu more flows of its listener are not steered, and copied: %s", flow,
			     left->n - 1, left->why ?: "?");
	return r < 0 ? -ENOMEM : 0;
}

int lease_left_out_format(const struct lease *l, char **ret)
{
	const struct proof *p;
	int r = 0;

	*ret = NULL;
	LIST_FOREACH(p, &l->proofs, entry)
		if (r == 0 && !*ret && !p->gone)
			r = left_out_format(&p->left_out, ret);
	return r;
}
