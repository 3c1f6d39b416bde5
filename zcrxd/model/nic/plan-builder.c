/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan as an object, and how it grows; see plan-builder.h.
 */
#include <assert.h>

#include "driver.h"
#include "plan-builder.h"

/* Every kind of step once, but RSS, which may have to be the default meanwhile. */
#define STEPS_MAX (_STEP_OP_MAX + 1)

static void step_done(struct step *s)
{
	free(s->from.rss);
	free(s->to.rss);
}

struct plan *plan_free(struct plan *p)
{
	if (!p)
		return NULL;
	for (size_t i = 0; i < p->n_steps; i++)
		step_done(&p->steps[i]);
	for (size_t i = 0; i < p->n_waiting; i++) {
		step_done(&p->waiting[i].step);
		free(p->waiting[i].queues);
	}
	free(p->steps);
	free(p->waiting);
	free(p);
	return NULL;
}

int plan_append(struct plan *plan, struct plan *next)
{
	size_t n = plan->n_steps + next->n_steps;
	struct step *steps = reallocarray(plan->steps, n + 1, sizeof(*steps));
	struct pending_step *waiting = plan->waiting;
	size_t n_waiting = plan->n_waiting;

	if (!steps)
		return -ENOMEM;
	if (next->n_steps > 0)
		memcpy(steps + plan->n_steps, next->steps, next->n_steps * sizeof(*steps));
	plan->steps = steps;
	plan->n_steps = n;
	plan->carve_out = next->carve_out;
	plan->waiting = next->waiting;
	plan->n_waiting = next->n_waiting;
	next->n_steps = 0;
	next->waiting = waiting;
	next->n_waiting = n_waiting;
	return 0;
}

struct step step_inverse(const struct step *step)
{
	return (struct step) { .op = step->op, .from = step->to, .to = step->from };
}

bool step_disturbs(enum step_op op, const char *driver)
{
	return driver_effect(driver, op) != EFFECT_NONE;
}

struct builder builder_new(const struct nic_state *state, const struct busy_queues *held,
			   struct fault *reterr)
{
	struct builder b = { .state = state, .plan = calloc(1, sizeof(*b.plan)), .reterr = reterr };

	if (held)
		b.held = *held;
	if (!b.plan)
		return b;
	b.plan->steps = calloc(STEPS_MAX, sizeof(*b.plan->steps));
	b.plan->waiting = calloc(STEPS_MAX, sizeof(*b.plan->waiting));
	if (!b.plan->steps || !b.plan->waiting)
		b.plan = plan_free(b.plan);
	return b;
}

/* Of a queue about which the kernel says nothing the worst is expected. */
static bool is_bound(const struct nic_state *s, uint32_t queue)
{
	return queue >= s->n_queues || s->queues[queue].io_uring || s->queues[queue].dmabuf ||
	       s->queues[queue].xsk;
}

static bool leads_to_held(const struct builder *b)
{
	for (size_t i = 0; i < b->held.n; i++)
		if (rss_table_leads_to(&b->state->rss, b->held.queues[i]))
			return true;
	return false;
}

/* Without the split and rules no lease is of any use: those that carry nothing yet do not keep it
 * from being switched on. */
static bool must_wait(const struct builder *b, const struct step *step)
{
	if (b->all_wait)
		return true;
	if (!step_disturbs(step->op, b->state->driver))
		return false;
	switch (step->op) {
	case STEP_GRO_HW:
	case STEP_TCP_DATA_SPLIT:
	case STEP_HDS_THRESHOLD:
	case STEP_NTUPLE:
		for (size_t i = 0; i < b->held.n; i++)
			if (is_bound(b->state, b->held.queues[i]))
				return true;
		return false;
	case STEP_RSS:
		return b->held.n > 0 && !leads_to_held(b);
	case STEP_RINGS:
	case STEP_CHANNELS:
	case _STEP_OP_MAX:
		break;
	}
	return b->held.n > 0;
}

bool builder_rss_waits(const struct builder *b)
{
	return must_wait(b, &(struct step) { .op = STEP_RSS });
}

int builder_add(struct builder *b, const struct step *step)
{
	if (must_wait(b, step))
		return builder_wait(b, step, 0, UINT32_MAX);
	assert(b->plan->n_steps < STEPS_MAX);
	b->plan->steps[b->plan->n_steps++] = *step;
	return 0;
}

int builder_wait(struct builder *b, const struct step *step, uint32_t first, uint32_t end)
{
	struct pending_step *w = &b->plan->waiting[b->plan->n_waiting];

	assert(b->plan->n_waiting < STEPS_MAX);
	b->plan->n_waiting++;
	*w = (struct pending_step) { .step = *step };
	w->queues = calloc(b->held.n + 1, sizeof(*w->queues));
	if (!w->queues)
		return -ENOMEM;
	for (size_t i = 0; i < b->held.n; i++)
		if (b->held.queues[i] >= first && b->held.queues[i] < end)
			w->queues[w->n_queues++] = b->held.queues[i];
	return 0;
}

int builder_add_number(struct builder *b, enum step_op op, unsigned from, unsigned to)
{
	if (from == to)
		return 0;
	return builder_add(b, &(struct step) { .op = op, .from.number = from, .to.number = to });
}
