/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See restore-run.h.
 */
#include <errno.h>

#include "restore-run.h"

/* From here on a daemon that is killed is followed by one that goes on with it. */
static int note_decision(struct nic *nic, struct restore *g)
{
	struct baseline *o = &g->change.baseline;
	bool restore = g->request.to == RESTORE_BASELINE && !g->request.stop && o->found;
	int r;

	if (!restore && !o->configured)
		return 0;
	free(TAKE_PTR(o->configured));
	if (restore) {
		baseline_drop_rollback(o);
		r = nic_state_copy(o->found, &o->rollback);
		if (r < 0)
			return r;
	}
	return change_note(nic, &g->change, "save that the interface is restored", "Nothing was changed.");
}

/* What was decided is done. */
static void note_success(struct nic *nic, struct restore *g)
{
	struct baseline *o = &g->change.baseline;
	bool restored = g->request.to == RESTORE_BASELINE || o->rollback_usec == 0;

	baseline_drop_rollback(o);
	if (o->found && nic_state_same_settings(g->change.reconcile.state, o->found))
		o->found = nic_state_free(o->found);
	o->unmanaged = UNMANAGED_NOT;
	if (!g->request.stop || g->request.to == ROLLBACK_UNCONFIRMED)
		o->unmanaged = g->unmanaged = restored ? UNMANAGED_RESTORED : UNMANAGED_UNCONFIRMED;
	g->note_error = baseline_write(g->change.path, nic->ifindex, g->change.reconcile.state->driver, o);
}

/* It stays as it is; what nobody has confirmed goes on waiting to be put back. */
static void note_failure(struct nic *nic, struct restore *g)
{
	struct baseline *o = &g->change.baseline;

	if (g->request.to == ROLLBACK_UNCONFIRMED || g->request.stop || !o->rollback)
		return;
	baseline_drop_rollback(o);
	g->note_error = baseline_write(g->change.path, nic->ifindex, g->change.reconcile.state->driver, o);
}

static int plan(struct nic *nic, struct restore *g)
{
	struct change *c = &g->change;
	struct reconcile *b = &c->reconcile;
	bool rollback = g->request.to == ROLLBACK_UNCONFIRMED;
	int r;

	b->to = rollback ? c->baseline.rollback : c->baseline.found;
	if (!rollback && !b->to) { /* it is as it was found */
		b->plan = calloc(1, sizeof(*b->plan));
		return b->plan ? 0 : -ENOMEM;
	}
	g->lost = !b->to;
	if (g->lost)
		return fault_set(&c->fault, ZCRX_WRONG_STATE, "lost",
				 "Its baseline is lost; %s is left unchanged. See zcrxctl plan, ethtool.",
				 b->state->name);
	r = reconcile_plan(b, &c->fault);
	if (r != 0 || g->request.force)
		return r;
	return plan_check_reach(nic, b->plan, b->state, false, "zcrxctl restore --force", &c->fault);
}

void restore_run(struct nic *nic, void *data)
{
	struct restore *g = data;
	struct change *c = &g->change;

	c->r = change_look(nic, c);
	if (c->r == 0)
		c->r = plan(nic, g);
	if (c->r == 0)
		c->r = note_decision(nic, g);
	if (c->r != 0)
		return;
	c->r = reconcile_apply(nic, &c->reconcile, &c->fault);
	if (c->r == 0)
		note_success(nic, g);
	else
		note_failure(nic, g);
}
