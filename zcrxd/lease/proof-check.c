/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Do the sockets that proved flows still prove them? Their end and the interface's addresses are
 * told by the kernel. That a socket listens elsewhere by now, was bound to another device, that somebody
 * else got to its port while it did not listen, that keys were set, or that the interface was put under
 * another one is told by nobody: so as long as there are proofs, all that was asked when they were shown
 * is asked again once a second, of all of them together (lease/prover.c). Where nothing happens the
 * interface's worker asks by itself (lease/proof-look.c).
 */
#include <errno.h>

#include "flows.h"
#include "leases.h"
#include "left-out.h"
#include "log.h"
#include "proof-check.h"
#include "proof.h"
#include "prover.h"
#include "rules.h"
#include "snapshot.h"
#include "unbind.h"

#define CHECK_USEC (1000 * 1000ULL)

static bool is_ending(const struct lease *l)
{
	return l->state == LEASE_DRAINING || l->state == LEASE_QUARANTINED;
}

/* NULL wants all of them. Those on their way in are dropped when they arrive (drop_unproved). */
static void remove_flows(const struct proof *p,
			 bool (*wanted)(const struct lease_flow *f, void *data), void *data)
{
	struct lease *l = p->lease;
	struct flow_list list = { .flows = calloc(l->n_flows + 1, sizeof(*list.flows)) };
	int r = list.flows ? 0 : -ENOMEM;

	for (size_t i = l->n_flows; r == 0 && i-- > 0;) {
		struct lease_flow *f = l->flows[i];

		if (f->proof != p || (wanted && !wanted(f, data)))
			continue;
		/* If it cannot be removed now it is later: proofs_retry_removals(). */
		f->proof_lost |= f->state == FLOW_INSTALLED;
		if (f->state == FLOW_INSTALLED)
			list.flows[list.n++] = f;
		else if (f->state == FLOW_INSTALLING)
			f->proof_lost = true;
		else if (f->state == FLOW_PENDING && f->lifted && p->gone)
			f->proof_lost = true; /* and is dropped once its queue has an ifq */
	}
	if (list.n > 0)
		r = lease_flows_remove(l, &list, NULL, NULL);
	flow_list_done(&list);
	if (r < 0)
		log_errno(r, "Cannot remove flows of lease %08x", l->id);
}

void proofs_retry_removals(struct device *d)
{
	struct lease *l;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry) {
		struct flow_list list = { .flows = calloc(l->n_flows + 1, sizeof(*list.flows)) };

		for (size_t i = 0; list.flows && l->device == d && i < l->n_flows; i++)
			if (l->flows[i]->state == FLOW_INSTALLED && l->flows[i]->proof_lost)
				list.flows[list.n++] = l->flows[i];
		if (list.n > 0 && l->state != LEASE_DRAINING && l->state != LEASE_QUARANTINED)
			(void)lease_flows_remove(l, &list, NULL, NULL);
		flow_list_done(&list);
	}
}

static bool want_unproved(const struct lease_flow *f, void *data)
{
	return f->proof_lost;
}

void proof_invalidate(struct proof *p, const char *why)
{
	struct lease *l = p->lease;

	if (p->gone)
		return;
	lease_touch(l);
	p->gone = true;
	if (!p->proved)
		return; /* who shows it hears of it */
	log_message(LOG_INFO, &(struct log_fields) { .lease = l->id },
		    "Lease %08x: removing rules for port %u: socket proof invalid: %s", l->id,
		    p->facts.local_port, why);
	if (p->n_flows == 0) {
		proof_free(p);
		lease_forget_record(l);
		/* With flows, their removal does; and what is being adopted is on record once all of it is. */
		if (l->leases->devices->ready)
			(void)lease_save(l);
	} else if (!is_ending(l)) {
		remove_flows(p, NULL, NULL);
	}
}

static void for_each_proof(struct leases *leases, void (*call)(struct proof *p, void *data), void *data)
{
	struct lease *l, *next_lease;
	struct proof *p, *next;

	for (l = TAILQ_FIRST(&leases->list); l; l = next_lease) {
		next_lease = TAILQ_NEXT(l, entry);
		for (p = LIST_FIRST(&l->proofs); p; p = next) {
			next = LIST_NEXT(p, entry);
			call(p, data);
		}
	}
}

static void match_cookie(struct proof *p, void *data)
{
	if (p->facts.cookie == *(uint64_t *)data)
		proof_invalidate(p, "The socket is closed.");
}

void proofs_socket_gone(struct leases *leases, uint64_t cookie)
{
	for_each_proof(leases, match_cookie, &cookie);
}

/* ------------------------------------------------------------------------- receiving */

/* What was asked when the socket was shown, by the same prover and as the same user. */
static struct socket_check *proof_question_new(struct proof *p, enum proof_question which, size_t n,
					        void (*done)(struct socket_check *c))
{
	_cleanup_(socket_check_freep) struct socket_check *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct socket_check) { .facts = p->facts, .known = true, .ifindex = p->lease->device->receiver.at.ifindex,
				     .uid = p->uid, .done = done, .userdata = p };
	c->flows = calloc(n + 1, sizeof(*c->flows));
	if (!c->flows)
		return NULL;
	p->questions[which] = c;
	return TAKE_PTR(c);
}

/* Of whom it is: NULL if it is not there any more. */
static struct proof *question_end(struct socket_check *c, enum proof_question which)
{
	struct proof *p = c->userdata;

	if (p)
		p->questions[which] = NULL;
	return p;
}

static void on_checked(struct socket_check *c)
{
	struct proof *p = question_end(c, PROOF_STILL);

	if (p && c->r > 0)
		proof_invalidate(p, c->fault.message);
	else if (p && c->r < 0 && c->r != -ECANCELED)
		log_errno(c->r, "Cannot check the socket of lease %08x", p->lease->id);
	socket_check_free(c);
}

static void follow_again(struct proof *p);

struct checking {
	bool any; /* that no worker looks at by itself */
	bool timed; /* others are not asked about */
	bool look_for; /* also those that no flow shows to be there */
};

static void check_one(struct proof *p, void *data)
{
	_cleanup_fault_ struct fault fault = {};
	struct checking *checking = data;
	struct lease *l = p->lease;
	struct socket_check *c;

	if (checking->timed && device_has_look(l->device))
		return;
	checking->any = true;
	if (is_ending(l) || !p->proved || p->questions[PROOF_STILL])
		return;
	/* Removals that failed. */
	remove_flows(p, p->gone ? NULL : want_unproved, NULL);
	if (p->gone)
		return;
	if (device_check_receiver(l->device, &fault) > 0) {
		proof_invalidate(p, fault.message);
		return;
	}
	if (left_out_is_due(&p->left_out))
		follow_again(p);
	c = proof_question_new(p, PROOF_STILL, l->n_flows, on_checked);
	if (!c)
		return; /* the next time */
	for (size_t i = 0; i < l->n_flows; i++)
		if (l->flows[i]->proof == p)
			c->flows[c->n_flows++] = l->flows[i]->flow;
	c->look_for = checking->look_for && c->n_flows == 0;
	prover_ask(l->leases->prover, c);
}

void proofs_resync(struct leases *leases)
{
	struct checking checking = { .look_for = true };

	for_each_proof(leases, check_one, &checking);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct checking checking = { .timed = true };
	int r;

	for_each_proof(userdata, check_one, &checking);
	if (!checking.any)
		return 0;
	r = sd_event_source_set_time_relative(s, CHECK_USEC);
	return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

void proofs_check(struct leases *leases)
{
	struct checking checking = {};

	for_each_proof(leases, check_one, &checking);
}

int proofs_watch(struct leases *leases)
{
	int enabled = SD_EVENT_OFF;

	if (leases->proof_timer)
		(void)sd_event_source_get_enabled(leases->proof_timer, &enabled);
	if (enabled != SD_EVENT_OFF)
		return 0;
	return loop_arm_protection(leases->loop, &leases->proof_timer, CHECK_USEC, on_timer, leases);
}

/* ------------------------------------------------------------------------- addresses */

struct flow_set {
	struct flow *flows;
	size_t n;
};

static bool want_outside(const struct lease_flow *f, void *data)
{
	const struct flow_set *set = data;

	for (size_t i = 0; i < set->n; i++)
		if (flow_equal(&set->flows[i], &f->flow))
			return false;
	return true;
}

/* One that is on its way out does not count: its address has come back meanwhile. */
static bool lease_has_flow(const struct lease *l, const struct flow *flow)
{
	for (size_t i = 0; i < l->n_flows; i++) {
		const struct lease_flow *f = l->flows[i];

		if (flow_equal(&f->flow, flow) && !f->proof_lost &&
		    (f->state != FLOW_REMOVING || f->lifted))
			return true;
	}
	return false;
}

static bool is_followed(const struct proof *p)
{
	return p->proved && !p->gone && !lease_is_unbinding(p->lease) &&
	       (p->lease->state == LEASE_STEERED || p->lease->state == LEASE_BOUND);
}

struct addresses {
	struct device *device;
	struct local_address *list;
	size_t n;
};

static int read_addresses(struct device *d, struct addresses *ret)
{
	struct addresses a = { .device = d };
	_cleanup_fault_ struct fault fault = {};
	int r;

	r = device_addresses(d, &a.list, &a.n, &fault);
	if (r != 0) {
		log_error("%s: %s", d->name, fault_text(r, &fault));
		return r < 0 ? r : -EIO;
	}
	*ret = a;
	return 0;
}

static void on_more_checked(struct socket_check *c)
{
	struct proof *p = question_end(c, PROOF_MORE);
	struct flow_set more = { .flows = c->flows };

	if (!p || !is_followed(p) || !p->wildcard || c->r == -ECANCELED) {
		/* nobody waits for it any more */
	} else if (p->addresses_changed)
		follow_again(p);
	else if (c->r != 0)
		left_out_note(p, c->flows, c->n_flows, fault_text(c->r, &c->fault));
	else {
		for (size_t i = 0; i < c->n_flows; i++)
			if (!lease_has_flow(p->lease, &c->flows[i]))
				more.flows[more.n++] = c->flows[i];
		if (more.n > 0)
			left_out_add(p, more.flows, more.n);
	}
	socket_check_free(c);
}

/* A wildcard's flows follow the addresses: those that came are asked about as all others were. */
static void follow_more(struct proof *p, const struct flow_set *set)
{
	struct socket_check *c;

	p->addresses_changed = p->questions[PROOF_MORE] != NULL;
	if (p->addresses_changed)
		return;
	c = proof_question_new(p, PROOF_MORE, set->n, on_more_checked);
	if (!c)
		return;
	for (size_t i = 0; i < set->n; i++)
		if (!lease_has_flow(p->lease, &set->flows[i]))
			c->flows[c->n_flows++] = set->flows[i];
	if (c->n_flows > 0)
		prover_ask(p->lease->leases->prover, c);
	else {
		left_out_note(p, NULL, 0, NULL);
		(void)question_end(c, PROOF_MORE);
		socket_check_free(c);
	}
}

static void follow(struct proof *p, void *data)
{
	const struct addresses *a = data;
	_cleanup_free_ struct flow *flows = NULL;
	struct flow_set set = {};
	bool wildcard;

	if (p->lease->device != a->device || !is_followed(p))
		return;
	/* Refused now: no address is left. Then no flow is. */
	(void)flows_from_socket(&p->facts, a->device->receiver.at.ifindex,
				a->device->receiver.at.name, a->list, a->n, &flows, &set.n,
				&wildcard, NULL);
	set.flows = flows;
	if (p->wildcard)
		follow_more(p, &set);
	remove_flows(p, want_outside, &set);
}

static void follow_again(struct proof *p)
{
	struct addresses a;

	if (read_addresses(p->lease->device, &a) < 0)
		return;
	follow(p, &a);
	free(a.list);
}

void proofs_addresses_changed(struct device *d)
{
	struct addresses a;

	if (read_addresses(d, &a) < 0)
		return;
	for_each_proof(d->devices->leases, follow, &a);
	free(a.list);
}
