/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What leases have in the NIC themselves: whether it is there, and whether it gets what it is for.
 * Called by drift.c only.
 */
#include <errno.h>

#include "drift-internal.h"
#include "taken.h"

static void affect_flow(struct deviation *v, const struct drift_expected *e,
			const struct drift_flow *f)
{
	v->flow = f->id;
	drift_mix(v, &f->id, sizeof(f->id));
	drift_mix(v, &f->target.action, sizeof(f->target.action));
	drift_mix(v, &f->target.number, sizeof(f->target.number));
	for (size_t i = 0; i < e->n_queues; i++)
		v->affected[i] = e->queues[i].lease == f->lease &&
				 (f->target.action != RULE_TO_QUEUE ||
				  e->queues[i].queue == f->target.number);
}

static int add_lost(const struct drift_flow *f, const struct drift_expected *e, struct drift *d)
{
	_cleanup_free_ char *text = NULL;
	struct deviation *v;
	int r;

	if (flow_format(&f->flow, &text) < 0)
		return -ENOMEM;
	r = drift_add(d, e, DRIFT_RULE_LOST,
		      text_format("the rule %s to %s %u is gone", text,
				 f->target.action == RULE_TO_QUEUE ? "queue" : "RSS context",
				 f->target.number),
		      &v);
	if (r == 0)
		affect_flow(v, e, f);
	return r;
}

static int add_taken(const struct taken *t, const struct nic_state *s, const struct drift_flow *f,
		     const struct drift_expected *e, struct drift *d)
{
	struct deviation *v;
	char *text = NULL;
	int r;

	if (taken_format(t, &f->flow, s->name, &text) < 0)
		return -ENOMEM;
	r = drift_add(d, e, DRIFT_TAKEN, text, &v);
	if (r < 0)
		return r;
	affect_flow(v, e, f);
	v->movable = t->movable;
	drift_mix(v, &t->rule.location, sizeof(t->rule.location));
	drift_mix(v, &t->rule.action, sizeof(t->rule.action));
	drift_mix(v, &t->rule.target, sizeof(t->rule.target));
	drift_mix(v, &t->share, sizeof(t->share));
	drift_mix(v, &t->reason, sizeof(t->reason));
	return 0;
}

static int find_lost_context(const struct nic_state *s, const struct drift_context *c,
			     const struct drift_expected *e, struct drift *d)
{
	struct deviation *v;
	int r;

	if (!c->lost && nic_state_own_context(s, c->context, c->queues, c->n_queues))
		return 0;
	r = drift_add(d, e, DRIFT_CONTEXT_LOST,
		      text_format("RSS context %u of lease %08x is gone or changed", c->context,
				 c->lease),
		      &v);
	if (r < 0)
		return r;
	v->lease = c->lease;
	drift_mix(v, &c->lease, sizeof(c->lease));
	drift_mix(v, &c->context, sizeof(c->context));
	for (size_t i = 0; i < e->n_queues; i++)
		v->affected[i] = e->queues[i].lease == c->lease;
	return 0;
}

int drift_find_own(const struct nic_state *s, const struct drift_expected *e, struct drift *d)
{
	struct taken *taken = calloc(e->n_flows + 1, sizeof(*taken));
	int r = taken ? taken_find(s, e->flows, e->n_flows, taken) : -ENOMEM;

	free(d->taken);
	d->taken = taken;
	for (size_t i = 0; r == 0 && i < e->n_contexts; i++)
		r = find_lost_context(s, &e->contexts[i], e, d);
	for (size_t i = 0; r == 0 && i < e->n_flows; i++) {
		if (!e->flows[i].installed)
			continue;
		/* Down, the driver need not show it, and nothing is missed. */
		if (!taken[i].has_own && !s->up)
			continue;
		if (!taken[i].has_own)
			r = add_lost(&e->flows[i], e, d);
		else if (taken_is_sure(&taken[i]))
			r = add_taken(&taken[i], s, &e->flows[i], e, d);
	}
	return r;
}

bool drift_is_taken_only(const struct drift *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->list[i].kind != DRIFT_TAKEN)
			return false;
	return d->n > 0;
}
