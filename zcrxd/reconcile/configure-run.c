/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See configure-run.h. An already correct NIC gives an empty plan and is not touched.
 */
#include <errno.h>

#include "clock.h"
#include "configure-run.h"

/* -------------------------------------------------------------------- what is remembered */

/* Where it came from, before the first change; where to go back to, before one to be confirmed. Whoever
 * asks for a configuration does not want the interface left alone any more. */
static int note_before(struct nic *nic, struct configure *c)
{
	const struct reconcile *b = &c->change.reconcile;
	struct baseline *o = &c->change.baseline;
	bool changes = b->plan->n_steps > 0;
	int r = 0;

	/* Where idle queues serve, the next lease changes the table. */
	c->first = (changes || b->plan->carve_out.idle_queues == IDLE_SERVE) && !o->found;
	if (!changes && !c->first && o->unmanaged == UNMANAGED_NOT)
		return 0;
	o->unmanaged = UNMANAGED_NOT;
	if (changes)
		free(TAKE_PTR(o->configured));
	if (c->first)
		r = nic_state_copy(b->state, &o->found);
	if (r == 0 && changes && c->confirm_within > 0) {
		baseline_drop_rollback(o);
		r = nic_state_copy(b->state, &o->rollback);
		o->rollback_usec = now_usec(CLOCK_BOOTTIME) + c->confirm_within;
	}
	return r < 0 ? r
		     : change_note(nic, &c->change, "save the baseline of the interface",
				   "Nothing was changed.");
}

/* From now on what differs is somebody else's doing. If this cannot be noted it is configured once more by
 * the next daemon. Of queues without a NIC nothing is set, and nobody changes it. */
static void note_success(struct nic *nic, struct configure *c)
{
	const struct reconcile *b = &c->change.reconcile;
	struct baseline *o = &c->change.baseline;

	if (nic->ifindex == SOFTWARE_IFINDEX)
		return;
	if (b->plan->n_waiting > 0 || (o->configured && streq(o->configured, c->entry)))
		return;
	free(o->configured);
	o->configured = strdup(c->entry);
	if (o->configured)
		(void)baseline_write(c->change.path, nic->ifindex, b->state->driver, o);
}

/* Nothing came of it. Where that could not be undone, it still has to go back. */
static void note_failure(struct nic *nic, struct configure *c)
{
	const struct reconcile *b = &c->change.reconcile;
	struct baseline *o = &c->change.baseline;

	for (size_t i = 0; b->results && i < b->plan->n_steps; i++)
		if (b->results[i].outcome == STEP_UNDO_FAILED)
			return;
	if (c->confirm_within > 0)
		baseline_drop_rollback(o);
	if (c->first)
		o->found = nic_state_free(o->found);
	/* If this fails, too, what was noted leads to where it is. */
	(void)baseline_write(c->change.path, nic->ifindex, b->state->driver, o);
}

/* ---------------------------------------------------------------------------- the job */

/* That RSS has to follow the leases is nobody's doing. */
static bool differs(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (!plan->steps[i].follows_leases)
			return true;
	return plan->n_waiting > 0;
}

/* It was as this configuration has it; nobody asks for that now, and whoever changed it may mean it. */
static bool is_to_be_reported(const struct configure *c)
{
	const struct plan *plan = c->change.reconcile.plan;
	const char *configured = c->change.baseline.configured;

	return (c->mode == CONFIGURE_AUTO || c->mode == CONFIGURE_AGAIN) && c->reports && configured &&
	       streq(configured, c->entry) && differs(plan);
}

/* The NIC cannot, and said so: it would say so again, after an interruption. Whoever asks for it by hand
 * gets it tried; and so does whatever makes another plan of it. */
static bool is_refused_again(const struct configure *c)
{
	const struct reconcile *b = &c->change.reconcile;
	_cleanup_free_ char *text = NULL;

	return c->mode == CONFIGURE_AGAIN && c->refused && plan_disturbs(b->plan, b->state->driver) &&
	       plan_format(b->plan, &text) == 0 && streq(text, c->refused);
}

/* For good, as far as the kernel's words go: not for want of memory, nor because of somebody else. */
static bool is_refused_for_good(int r, const struct fault *f)
{
	return r == ZCRX_NOT_SUPPORTED ||
	       (r == ZCRX_KERNEL_REJECTED &&
		(f->error == EINVAL || f->error == EOPNOTSUPP || f->error == ENOSYS));
}

static void note_refusal(struct configure *c, const char *plan)
{
	free(TAKE_PTR(c->refused));
	if (is_refused_for_good(c->change.r, &c->change.fault))
		c->refused = strdup(plan);
}

static void apply(struct nic *nic, struct configure *c)
{
	_cleanup_free_ char *text = NULL;
	struct change *change = &c->change;
	struct reconcile *b = &change->reconcile;
	int r;

	c->unchanged = is_refused_again(c);
	if (c->unchanged)
		return;
	r = plan_format(b->plan, &text);
	/* The way by which the administrator came in is not cut. */
	if (r == 0 && c->mode != CONFIGURE_FORCE)
		r = plan_check_reach(nic, b->plan, b->state, change->baseline.found,
				     "zcrxctl apply --force --confirm-within 60s", &change->fault);
	if (r == 0)
		r = note_before(nic, c);
	change->r = r;
	if (r != 0)
		return;
	change->r = reconcile_apply(nic, b, &change->fault);
	note_refusal(c, text);
	if (change->r == 0)
		note_success(nic, c);
	else
		note_failure(nic, c);
}

/* What the daemon before this one has done makes another plan. */
static void remember(struct configure *c)
{
	struct reconcile *b = &c->change.reconcile;
	char **configured = &c->change.baseline.configured;

	if (c->fresh)
		free(TAKE_PTR(*configured));
	b->memory.split_was_set |= *configured != NULL;
	nic_quirks_apply(&b->memory, b->state);
}

void configure_run(struct nic *nic, void *data)
{
	struct configure *c = data;
	struct change *change = &c->change;
	const struct baseline *o = &change->baseline;

	change->r = change_look(nic, change);
	if (change->r != 0)
		return;
	remember(c);
	change->r = reconcile_plan(&change->reconcile, &change->fault);
	c->left_alone = c->mode != CONFIGURE_APPLY && c->mode != CONFIGURE_FORCE &&
			(o->rollback || o->unmanaged != UNMANAGED_NOT);
	if (change->r != 0 || c->left_alone)
		return;
	c->drifted = is_to_be_reported(c);
	if (!c->drifted)
		apply(nic, c);
}
