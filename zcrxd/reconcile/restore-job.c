/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See restore-job.h.
 */
#include <errno.h>

#include "restore-job.h"

void restore_job_done(struct restore_job *g)
{
	free(g->path);
	free(g->set_aside);
	fault_done(&g->fault);
	if (g->plan)
		step_results_free(g->results, g->plan->n_steps);
	plan_free(g->plan);
	nic_state_free(g->state);
}

static int observe(struct nic *nic, struct restore_job *g)
{
	g->state = nic_state_free(g->state);
	return nic->ops->observe(nic, &g->state, &g->fault);
}

static int note(struct nic *nic, struct restore_job *g, const struct baseline *o)
{
	return baseline_write(g->path, nic->ifindex, g->state->driver, o);
}

/* From here on a daemon that is killed is followed by one that goes on with it. */
static int note_decision(struct nic *nic, struct restore_job *g, struct baseline *o)
{
	bool restore = g->to == RESTORE_BASELINE && !g->stop && o->found;
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
	r = note(nic, g, o);
	if (r == 0 || r == -ENOMEM)
		return r;
	return fault_kernel(&g->fault, -r, NULL, "save that the interface is restored",
			    "Nothing was changed. Can zcrxd write %s?", g->path);
}

/* Some drivers do with a step what was not asked for, such as a new RSS table for other channels: what
 * is left after the plan is another one. */
static int apply(struct nic *nic, struct restore_job *g, const struct nic_state *to)
{
	_cleanup_(plan_freep) struct plan *rest = NULL;
	struct step_result *results;
	int r;

	r = plan_apply(nic, g->plan, 0, g->results, &g->fault);
	if (r == 0)
		r = observe(nic, g);
	if (r == 0)
		r = plan_restore(to, g->state, NULL, false, &rest, &g->fault);
	if (r != 0 || rest->n_steps == 0)
		return r;
	results = step_results_new(rest);
	if (!results)
		return -ENOMEM;
	r = plan_apply(nic, rest, 0, results, &g->fault);
	step_results_free(results, rest->n_steps);
	return r != 0 ? r : observe(nic, g);
}

static int change(struct nic *nic, struct restore_job *g, const struct nic_state *to)
{
	int r;

	if (to)
		r = plan_restore(to, g->state, NULL, true, &g->plan, &g->fault);
	else
		r = (g->plan = calloc(1, sizeof(*g->plan))) ? 0 : -ENOMEM;
	if (r != 0)
		return r;
	g->results = step_results_new(g->plan);
	if (!g->results)
		return -ENOMEM;
	if (!g->force)
		r = plan_check_reach(nic, g->plan, g->state, false, "zcrxctl restore --force", &g->fault);
	return r;
}

/* What was decided is done. */
static void note_success(struct nic *nic, struct restore_job *g, struct baseline *o)
{
	bool restored = g->to == RESTORE_BASELINE || o->rollback_usec == 0;

	baseline_drop_rollback(o);
	if (o->found && nic_state_same_settings(g->state, o->found))
		o->found = nic_state_free(o->found);
	o->unmanaged = UNMANAGED_NOT;
	if (!g->stop || g->to == ROLLBACK_UNCONFIRMED)
		o->unmanaged = g->unmanaged = restored ? UNMANAGED_RESTORED : UNMANAGED_UNCONFIRMED;
	g->note_error = note(nic, g, o);
}

/* It stays as it is; what nobody has confirmed goes on waiting to be put back. */
static void note_failure(struct nic *nic, struct restore_job *g, struct baseline *o)
{
	if (g->to == ROLLBACK_UNCONFIRMED || g->stop || !o->rollback)
		return;
	baseline_drop_rollback(o);
	g->note_error = note(nic, g, o);
}

void restore_job_run(struct nic *nic, struct restore_job *g)
{
	_cleanup_origin_ struct baseline o = {};
	const struct nic_state *to;

	g->r = observe(nic, g);
	if (g->r == 0)
		g->r = baseline_read(g->path, nic->ifindex, g->state->driver, &o, &g->set_aside,
				     &g->fault);
	if (g->r != 0)
		return;
	to = g->to == ROLLBACK_UNCONFIRMED ? o.rollback : o.found;
	g->lost = g->to == ROLLBACK_UNCONFIRMED && !to;
	if (g->lost)
		g->r = fault_set(&g->fault, ZCRX_WRONG_STATE, "lost",
				 "Its baseline is lost; %s is left unchanged. See zcrxctl "
				 "plan, ethtool.", g->state->name);
	if (g->r == 0)
		g->r = change(nic, g, to);
	if (g->r == 0)
		g->r = note_decision(nic, g, &o);
	if (g->r != 0)
		return;
	if (to)
		g->r = apply(nic, g, to);
	if (g->r == 0)
		note_success(nic, g, &o);
	else if (g->state)
		note_failure(nic, g, &o);
}
