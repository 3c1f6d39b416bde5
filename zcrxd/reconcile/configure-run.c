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
	const struct nic_state *state = c->reconcile.state;
	struct baseline *o = &c->baseline;
	bool changes = c->reconcile.plan->n_steps > 0;
	int r = 0;

	if (!changes && o->unmanaged == UNMANAGED_NOT)
		return 0;
	o->unmanaged = UNMANAGED_NOT;
	if (changes)
		free(TAKE_PTR(o->configured));
	c->first = changes && !o->found;
	if (c->first)
		r = nic_state_copy(state, &o->found);
	if (r == 0 && changes && c->confirm_within > 0) {
		baseline_drop_rollback(o);
		r = nic_state_copy(state, &o->rollback);
		o->rollback_usec = now_usec(CLOCK_BOOTTIME) + c->confirm_within;
	}
	if (r == 0)
		r = baseline_write(c->path, nic->ifindex, state->driver, o);
	if (r == 0 || r == -ENOMEM)
		return r;
	return fault_kernel(&c->fault, -r, NULL, "save the baseline of the interface",
			    "Nothing was changed. Can zcrxd write %s?", c->path);
}

/* From now on what differs is somebody else's doing. If this cannot be noted it is configured once more by
 * the next daemon. Of queues without a NIC nothing is set, and nobody changes it. */
static void note_success(struct nic *nic, struct configure *c)
{
	struct baseline *o = &c->baseline;

	if (nic->ifindex == SOFTWARE_IFINDEX)
		return;
	if (c->reconcile.plan->n_waiting > 0 || (o->configured && streq(o->configured, c->entry)))
		return;
	free(o->configured);
	o->configured = strdup(c->entry);
	if (o->configured)
		(void)baseline_write(c->path, nic->ifindex, c->reconcile.state->driver, o);
}

/* Nothing came of it. Where that could not be undone, it still has to go back. */
static void note_failure(struct nic *nic, struct configure *c)
{
	struct baseline *o = &c->baseline;

	for (size_t i = 0; c->reconcile.results && i < c->reconcile.plan->n_steps; i++)
		if (c->reconcile.results[i].outcome == STEP_UNDO_FAILED)
			return;
	if (c->confirm_within > 0)
		baseline_drop_rollback(o);
	if (c->first)
		o->found = nic_state_free(o->found);
	/* If this fails, too, what was noted leads to where it is. */
	(void)baseline_write(c->path, nic->ifindex, c->reconcile.state->driver, o);
}

/* ---------------------------------------------------------------------------- the job */

/* It was as this configuration has it; nobody asks for that now, and whoever changed it may mean it. */
static bool is_to_be_reported(const struct configure *c)
{
	return (c->mode == CONFIGURE_AUTO || c->mode == CONFIGURE_AGAIN) && c->reports &&
	       c->baseline.configured && streq(c->baseline.configured, c->entry) &&
	       (c->reconcile.plan->n_steps > 0 || c->reconcile.plan->n_waiting > 0);
}

/* The NIC cannot, and said so: it would say so again, after an interruption. Whoever asks for it by hand
 * gets it tried; and so does whatever makes another plan of it. */
static bool is_refused_again(const struct configure *c)
{
	const struct reconcile *b = &c->reconcile;
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
	if (is_refused_for_good(c->r, &c->fault))
		c->refused = strdup(plan);
}

static void apply(struct nic *nic, struct configure *c)
{
	_cleanup_free_ char *text = NULL;
	struct reconcile *b = &c->reconcile;

	c->unchanged = is_refused_again(c);
	if (c->unchanged)
		return;
	c->r = plan_format(b->plan, &text);
	if (c->r != 0)
		return;
	/* The way by which the administrator came in is not cut. */
	if (c->mode != CONFIGURE_FORCE)
		c->r = plan_check_reach(nic, b->plan, b->state, c->baseline.found,
					"zcrxctl apply --force --confirm-within 60s", &c->fault);
	if (c->r == 0)
		c->r = note_before(nic, c);
	if (c->r != 0)
		return;
	c->r = reconcile_apply(nic, b, &c->fault);
	note_refusal(c, text);
	if (c->r == 0)
		note_success(nic, c);
	else
		note_failure(nic, c);
}

/* What the daemon before this one has done makes another plan. */
static int remember(struct nic *nic, struct configure *c)
{
	struct reconcile *b = &c->reconcile;
	int r;

	r = baseline_read(c->path, nic->ifindex, b->state->driver, &c->baseline, &c->set_aside,
			  &c->fault);
	if (c->fresh)
		free(TAKE_PTR(c->baseline.configured));
	if (r != 0 || !c->baseline.configured || b->memory.split_was_set)
		return r != 0 ? r : c->r;
	b->memory.split_was_set = true;
	if (c->r != 0 || b->state->split != SPLIT_ENABLED)
		return c->r;
	reconcile_done(b);
	return reconcile_plan(nic, b, &c->fault);
}

void configure_run(struct nic *nic, void *data)
{
	struct configure *c = data;
	struct reconcile *b = &c->reconcile;

	c->r = reconcile_plan(nic, b, &c->fault);
	if (!b->state)
		return;
	if (c->r >= 0)
		c->r = remember(nic, c);
	c->left_alone = c->mode != CONFIGURE_APPLY && c->mode != CONFIGURE_FORCE &&
			(c->baseline.rollback || c->baseline.unmanaged != UNMANAGED_NOT);
	if (c->r != 0 || c->left_alone)
		return;
	c->drifted = is_to_be_reported(c);
	if (!c->drifted)
		apply(nic, c);
}
