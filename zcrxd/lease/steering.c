/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ways into the queues of leases: which ones are their own, what is done to a lease when somebody
 * else's way cannot be closed, and its own rules that are lost. Whether anything is wrong is decided in
 * model/nic/drift.c, what is done about it in reconcile/drift.c.
 */
#include <errno.h>

#include "drain.h"
#include "flows.h"
#include "leases.h"
#include "log.h"
#include "rules.h"
#include "rss.h"
#include "steering.h"

static bool queue_is_bound(const struct lease *l, unsigned queue)
{
	/* What registers by itself does not tell us when. */
	return l->per_queue[queue].bound || l->per_queue[queue].binding ||
	       (l->self_registered && l->state == LEASE_STEERED);
}

bool lease_needs_monitoring(const struct lease *l)
{
	for (unsigned i = 0; i < l->n_queues; i++)
		if (queue_is_bound(l, i))
			return l->device->ifindex != SOFTWARE_IFINDEX;
	return false;
}

bool leases_need_monitoring(const struct device *d)
{
	const struct lease *l;

	LIST_FOREACH(l, &d->devices->leases->active, active_entry)
		if (l->device == d && lease_needs_monitoring(l))
			return true;
	return false;
}

void leases_steering_done(struct lease_steering *w)
{
	free(w->queues);
	free(w->flows);
	free(w->contexts);
	*w = (struct lease_steering) {};
}

static void note_lease(struct lease_steering *w, const struct lease *l)
{
	bool alive = l->state == LEASE_BOUND || l->state == LEASE_STEERED ||
		     l->state == LEASE_RESERVED;

	for (unsigned i = 0; i < l->n_queues; i++)
		w->queues[w->expected.n_queues++] =
			(struct drift_queue){ .queue = l->queues[i], .lease = l->id,
					      .uid = l->owner_uid, .bound = queue_is_bound(l, i) };
	for (size_t i = 0; i < l->n_flows; i++) {
		const struct lease_flow *f = l->flows[i];

		if (f->state == FLOW_PENDING)
			continue;
		w->flows[w->expected.n_flows++] =
			(struct drift_flow){ .id = f->id, .lease = l->id, .flow = f->flow,
					     .target = f->target, .location = f->location,
					     .installed = alive && f->state == FLOW_INSTALLED };
	}
	if (l->rss == LEASE_RSS_CONTEXT)
		w->contexts[w->expected.n_contexts++] =
			(struct drift_context){ .lease = l->id, .context = l->context,
						.lost = l->context_lost,
						.queues = l->queues, .n_queues = l->n_queues };
}

int leases_steering(const struct device *d, struct lease_steering *ret)
{
	size_t n_queues = 0, n_flows = 0, n_leases = 0;
	const struct lease *l;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		if (l->device == d) {
			n_queues += l->n_queues;
			n_flows += l->n_flows;
			n_leases++;
		}
	*ret = (struct lease_steering) { .expected.carve_out = d->inventory.carve_out };
	ret->queues = calloc(n_queues + 1, sizeof(*ret->queues));
	ret->flows = calloc(n_flows + 1, sizeof(*ret->flows));
	ret->contexts = calloc(n_leases + 1, sizeof(*ret->contexts));
	if (!ret->queues || !ret->flows || !ret->contexts) {
		leases_steering_done(ret);
		return -ENOMEM;
	}
	ret->expected.queues = ret->queues;
	ret->expected.flows = ret->flows;
	ret->expected.contexts = ret->contexts;
	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		if (l->device == d)
			note_lease(ret, l);
	return 0;
}

int lease_own_steering(const struct lease *l, struct own_steering *ret, uint32_t **ret_rules)
{
	uint32_t *rules = calloc(l->n_flows + 1, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	*ret = (struct own_steering){ .rules = rules };
	for (size_t i = 0; i < l->n_flows; i++)
		if (l->flows[i]->state == FLOW_INSTALLED)
			rules[ret->n_rules++] = l->flows[i]->location;
	if (l->rss == LEASE_RSS_CONTEXT) {
		ret->context = l->context;
		ret->queues = l->queues; /* which a lease that is bound does not change */
		ret->n_queues = l->n_queues;
	}
	*ret_rules = rules;
	return 0;
}

const struct lease *leases_find_rule(const struct device *d, const struct nic_rule *rule)
{
	const struct lease *l;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		for (size_t i = 0; l->device == d && i < l->n_flows; i++)
			if (l->flows[i]->state != FLOW_PENDING &&
			    nic_rule_is(rule, &l->flows[i]->flow, &l->flows[i]->target))
				return l;
	return NULL;
}

/* "TEXT, and 3 more of its flows"; NULL for none. */
static int describe_taken(const struct lease *l, char **ret)
{
	_cleanup_free_ char *first = NULL;
	size_t n = 0;

	*ret = NULL;
	for (size_t i = 0; i < l->n_flows; i++) {
		const struct lease_flow *f = l->flows[i];

		if (f->state != FLOW_INSTALLED || !f->taken.any)
			continue;
		if (n++ == 0 && taken_format(&f->taken, &f->flow, l->device->name, &first) < 0)
			return -ENOMEM;
	}
	if (n == 1)
		*ret = TAKE_PTR(first);
	else if (n > 1 && asprintf(ret, "%s, and likewise %zu more of its flows", first, n - 1) < 0)
		return -ENOMEM;
	return 0;
}

/* What surely takes it is in the journal as drift of its interface. */
static void tell_taken(struct lease *l, bool sure)
{
	_cleanup_free_ char *text = NULL;

	if (l->state != LEASE_STEERED) {
		free(TAKE_PTR(l->taken));
		return;
	}
	if (describe_taken(l, &text) < 0 || (l->taken && text ? streq(l->taken, text) : l->taken == text))
		return;
	if (text && !sure)
		log_message(LOG_WARNING, &(struct log_fields){ .lease = l->id }, "Lease %08x: %s", l->id,
			    text);
	lease_announce(l, text ? "taken" : "steered",
			     text ?: "no foreign rule takes its flows any more", 0);
	free(l->taken);
	l->taken = TAKE_PTR(text);
}

void leases_note_taken(struct device *d, const struct taken *taken)
{
	struct lease *l;
	size_t n = 0;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry) {
		bool sure = false;

		for (size_t i = 0; l->device == d && i < l->n_flows; i++) {
			struct lease_flow *f = l->flows[i];

			if (f->state == FLOW_PENDING)
				continue;
			f->taken = taken[n++];
			sure |= taken_is_sure(&f->taken);
			/* Drivers and people move rules; it is to be found when it has to go. */
			if (f->state == FLOW_INSTALLED && f->taken.has_own)
				f->location = f->taken.own_location;
		}
		if (l->device == d)
			tell_taken(l, sure);
	}
}

void leases_judge(struct device *d, const struct nic_state *s)
{
	_cleanup_lease_ways_ struct lease_steering w = {};
	_cleanup_free_ struct taken *taken = NULL;
	int r = leases_steering(d, &w);

	if (r == 0) {
		taken = calloc(w.expected.n_flows + 1, sizeof(*taken));
		r = taken ? taken_find(s, w.flows, w.expected.n_flows, taken) : -ENOMEM;
	}
	if (r == 0)
		leases_note_taken(d, taken);
	else
		log_errno(r, "Cannot tell who takes flows of %s", device_name(d));
}

void lease_revoke_leaking(struct leases *leases, uint32_t id, const char *reason)
{
	struct lease *l = leases_find(leases, id);
	bool direct;

	if (!l || l->state == LEASE_QUARANTINED)
		return;
	if (l->state == LEASE_DRAINING) {
		lease_skip_grace(l); /* no grace any more */
		return;
	}
	/* Where the kernel cannot take a queue from a living ring, its client has to go: it reads what
	 * is others', and they get errors. */
	direct = !l->granted || l->grant.kind == GRANT_DIRECT;
	lease_revoke(l, 0, direct, reason);
}

static struct lease_flow *find_flow(struct device *d, uint64_t id, struct lease **ret)
{
	struct lease_flow *f;
	struct lease *l;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry) {
		f = l->device == d ? lease_find_flow(l, id) : NULL;
		if (f && f->state == FLOW_INSTALLED) {
			*ret = l;
			return f;
		}
	}
	return NULL;
}

int lease_rule_return(struct device *d, uint64_t flow, flows_done done, void *userdata)
{
	struct lease *l;
	struct lease_flow *f = find_flow(d, flow, &l);
	struct flow_list list = { .flows = &f, .n = 1 };
	int r;

	if (!f)
		return -ENOENT;
	f->lost = true;
	r = lease_flows_install(l, &list, done, userdata);
	if (r < 0) {
		f->lost = false;
		f->state = FLOW_INSTALLED;
	}
	return r;
}

int lease_context_return(struct device *d, uint32_t id, rss_done done)
{
	struct lease *l = leases_find(d->devices->leases, id);

	if (!l || l->device != d || l->rss != LEASE_RSS_CONTEXT ||
	    (l->state != LEASE_BOUND && l->state != LEASE_STEERED))
		return -ENOENT;
	l->rss = LEASE_RSS_NONE;
	return lease_setup_rss(l, done, NULL);
}
