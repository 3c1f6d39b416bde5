/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See reconcile.h.
 */
#include "reconcile.h"

/* A driver may answer to a change with another one; one that does so for ever is told so. */
#define ROUNDS_MAX     3
#define PUT_BACK_TRIES 3

void nic_quirks_apply(const struct nic_quirks *memory, struct nic_state *state)
{
	state->split_was_set |= memory->split_was_set && state->split == SPLIT_ENABLED;
	state->split_needs_gro_hw |= memory->split_needs_gro_hw;
}

int reconcile_look(struct nic *nic, struct reconcile *b, struct fault *reterr)
{
	struct nic_state *state;
	int r;

	nic_progress(nic);
	r = nic->ops->observe(nic, &state, reterr);

	if (r != 0)
		return r;
	nic_state_free(b->state);
	b->state = state;
	nic_quirks_apply(&b->memory, state);
	return 0;
}

/* What cannot be seen is put back by the first plan alone: by the next look it is as that left it. */
static int plan_round(struct reconcile *b, bool first, struct plan **ret, struct fault *reterr)
{
	return b->to ? plan_restore(b->to, b->state, &b->held, first, ret, reterr)
		     : plan_build(&b->config, b->state, &b->held, ret, reterr);
}

int reconcile_plan(struct reconcile *b, struct fault *reterr)
{
	return plan_round(b, true, &b->plan, reterr);
}

/* ---------------------------------------------------------------------------- the way back */

/* "rss is equal over 4 of 8 queues, was default" of the first, and how many more there are. */
static int describe_difference(const struct plan *back, char **ret)
{
	const struct step *s = &back->steps[0];
	_cleanup_free_ char *is = NULL, *was = NULL, *more = NULL;

	if (step_value_format(s->op, &s->from, &is) < 0 ||
	    step_value_format(s->op, &s->to, &was) < 0 ||
	    asprintf(&more, back->n_steps > 1 ? ", and %zu more settings" : "%.0zu",
		     back->n_steps - 1) < 0)
		return -ENOMEM;
	return asprintf(ret, "%s is %s, was %s%s", step_op_to_string(s->op), is, was, more) < 0
		       ? -ENOMEM
		       : 0;
}

/* What became of the link. */
struct link_end {
	bool closed; /* by the driver, which could not open the device again (bnxt) */
	int r;	     /* why it could not be brought up again; 0: it was */
	struct fault fault;
};

/* Closed, it takes back what it could not be opened with: only then is it opened. */
static int look_and_bring_up(struct nic *nic, struct reconcile *b, const struct nic_state *found,
			     struct link_end *link)
{
	int r = reconcile_look(nic, b, NULL);

	if (r != 0 || !found->up || b->state->up)
		return r;
	link->closed = true;
	nic_progress(nic);
	link->r = nic->ops->bring_up(nic, &link->fault);
	return link->r == 0 ? reconcile_look(nic, b, NULL) : 0;
}

/* Whatever the undo of the steps said: 0 with NULL if the NIC is as it was found. What is not gets
 * another try, in the order that takes a configuration down, and so does a look that failed. */
static int roll_back(struct nic *nic, struct reconcile *b, const struct nic_state *found,
		     struct link_end *link, char **ret)
{
	int r = 0;

	for (unsigned tries = 1; tries <= PUT_BACK_TRIES; tries++) {
		_cleanup_(plan_freep) struct plan *back = NULL;
		struct step_result *results;

		r = look_and_bring_up(nic, b, found, link);
		if (r == 0)
			r = plan_restore(found, b->state, NULL, false, &back, NULL);
		if (r != 0)
			continue;
		if (back->n_steps == 0 && link->r == 0)
			return 0;
		if (tries == PUT_BACK_TRIES)
			return back->n_steps > 0 ? describe_difference(back, ret) : 0;
		results = step_results_new(back);
		if (!results)
			return -ENOMEM;
		(void)plan_apply(nic, back, 0, results, NULL);
		step_results_free(results, back->n_steps);
	}
	return r;
}

static void clear_undo_failures(struct reconcile *b)
{
	for (size_t i = 0; i < b->plan->n_steps; i++)
		if (b->results[i].outcome == STEP_UNDO_FAILED) {
			free(b->results[i].message);
			b->results[i] = (struct step_result) { .outcome = STEP_UNDONE };
		}
}

static void report_closed(const struct link_end *link, const char *name, struct fault *fault)
{
	if (!link->closed)
		return;
	if (link->r == 0)
		fault_append(fault, "Its driver had closed %s, which was brought up again; routes and "
				    "IPv6 addresses that went with it do not come back by themselves.",
			     name);
	else
		fault_append(fault, "Its driver has closed %s, and it could not be brought up again: %s "
				    "Try: ip link set %s up", name, fault_text(link->r, &link->fault), name);
}

/* Whoever reads what became of each step reads it there. */
static void tell_all(struct reconcile *b, const struct fault *fault)
{
	for (size_t i = 0; i < b->plan->n_steps; i++)
		if (b->results[i].outcome == STEP_FAILED && fault->message) {
			free(b->results[i].message);
			b->results[i].message = strdup(fault->message);
		}
}

static void report_not_restored(struct nic *nic, struct reconcile *b, const struct nic_state *found,
				struct fault *reterr)
{
	_cleanup_free_ char *left = NULL;
	struct link_end link = {};
	int r = roll_back(nic, b, found, &link, &left);

	if (r == 0 && !left)
		clear_undo_failures(b);
	else if (r == 0)
		fault_append(reterr, "It could not be restored: %s.", left);
	else if (r != ZCRX_NO_SUCH_INTERFACE)
		fault_append(reterr, "Whether it was restored cannot be seen.");
	report_closed(&link, found->name, reterr);
	fault_done(&link.fault);
	tell_all(b, reterr);
}

/* ------------------------------------------------------------------------------- the way */

/* A driver that is not known to need GRO for the split, but says no without. */
static bool may_need_gro(const struct reconcile *b, const struct nic_state *found,
			 const struct fault *fault)
{
	bool refused = false;

	if (b->to || fault->kind != ZCRX_KERNEL_REJECTED ||
	    (fault->error != EINVAL && fault->error != EOPNOTSUPP))
		return false;

	for (size_t i = 0; i < b->plan->n_steps; i++)
		refused |= b->plan->steps[i].op == STEP_TCP_DATA_SPLIT &&
			   b->results[i].outcome == STEP_FAILED;
	return refused && found->gro_hw == FEATURE_OFF && !b->memory.split_needs_gro_hw;
}

static int append(struct reconcile *b, struct plan *next)
{
	size_t n = b->plan->n_steps + next->n_steps;
	struct step_result *results = reallocarray(b->results, n + 1, sizeof(*results));
	int r;

	if (!results)
		return -ENOMEM;
	b->results = results;
	memset(results + b->plan->n_steps, 0, (next->n_steps + 1) * sizeof(*results));
	r = plan_append(b->plan, next);
	return r;
}

static int refuse_reverted(const struct reconcile *b, const struct plan *next, struct fault *reterr)
{
	return fault_kernel(reterr, EAGAIN, NULL, "keep the settings of the interface",
			    "The driver of %s reverts %s whenever it is set. See zcrxctl plan %s.",
			    b->state->name, step_op_to_string(next->steps[0].op), b->state->name);
}

/* bnxt switches ntuple-filters off for want of anything for so many queues, and tells the kernel's log alone:
 * to switch them on again would be refused, for a reason that is none. */
static int check_ntuple(const struct reconcile *b, struct fault *reterr)
{
	bool on = b->found && feature_is_on(b->found->ntuple), channels = false;

	for (size_t i = 0; i < b->plan->n_steps; i++) {
		on |= b->plan->steps[i].op == STEP_NTUPLE && b->plan->steps[i].to.number == 1;
		channels |= b->plan->steps[i].op == STEP_CHANNELS;
	}
	if (b->to || !on || !channels || b->state->ntuple != FEATURE_OFF)
		return 0;
	return fault_set(reterr, ZCRX_NOT_SUPPORTED, "channels",
			 "With %u receive queues the driver of %s switches ntuple filters off, without which no flow "
			 "can be steered; rules that others had there are gone. Lower channels in the configuration; "
			 "the kernel's log (journalctl -k) may say how many it takes.",
			 nic_state_rx_queues(b->state), b->state->name);
}

/* Until there is nothing left to change. */
static int converge(struct nic *nic, struct reconcile *b, struct fault *reterr)
{
	size_t first = 0;
	int r = 0;

	for (unsigned round = 1; r == 0; round++) {
		_cleanup_(plan_freep) struct plan *next = NULL;

		r = plan_apply(nic, b->plan, first, b->results, reterr);
		for (size_t i = first; r == 0 && !b->to && i < b->plan->n_steps; i++)
			b->memory.split_was_set |= b->plan->steps[i].op == STEP_TCP_DATA_SPLIT;
		if (r == 0)
			r = reconcile_look(nic, b, reterr);
		if (r == 0)
			r = check_ntuple(b, reterr);
		if (r == 0)
			r = plan_round(b, false, &next, reterr);
		if (r != 0 || next->n_steps == 0)
			return r;
		if (round == ROUNDS_MAX)
			return b->to ? 0 : refuse_reverted(b, next, reterr);
		first = b->plan->n_steps;
		r = append(b, next);
	}
	return r;
}

static int try(struct nic *nic, struct reconcile *b, const struct nic_state *found,
	       struct fault *reterr)
{
	const struct nic_quirks before = b->memory;
	int r;

	b->results = step_results_new(b->plan);
	if (!b->results)
		return -ENOMEM;
	r = converge(nic, b, reterr);
	if (r == 0)
		return 0;
	plan_undo(nic, b->plan, b->results); /* where it was not a step that failed */
	b->memory = before;
	report_not_restored(nic, b, found, reterr);
	return r;
}

static int try_with_gro(struct nic *nic, struct reconcile *b)
{
	_cleanup_fault_ struct fault second = {}; /* the first refusal says more */
	struct reconcile other = { .config = b->config, .held = b->held, .memory = b->memory };
	int r;

	other.memory.split_needs_gro_hw = true;
	r = reconcile_look(nic, &other, &second);
	if (r == 0)
		r = reconcile_plan(&other, &second);
	if (r == 0)
		r = try(nic, &other, b->found, &second);
	if (r != 0) {
		reconcile_done(&other);
		return r;
	}
	other.found = TAKE_PTR(b->found);
	reconcile_done(b);
	*b = other;
	return 0;
}

int reconcile_apply(struct nic *nic, struct reconcile *b, struct fault *reterr)
{
	_cleanup_fault_ struct fault own = {};
	struct fault *fault = reterr ?: &own;
	int r;

	if (b->plan->n_steps == 0)
		return 0;
	r = nic_state_copy(b->state, &b->found);
	if (r == 0)
		r = try(nic, b, b->found, fault);
	if (r <= 0 || !may_need_gro(b, b->found, fault) || try_with_gro(nic, b) != 0)
		return r;
	fault_done(fault);
	return 0;
}

void reconcile_done(struct reconcile *b)
{
	if (b->plan)
		step_results_free(b->results, b->plan->n_steps);
	plan_free(b->plan);
	nic_state_free(b->state);
	nic_state_free(b->found);
	b->results = NULL;
	b->plan = NULL;
	b->state = b->found = NULL;
}
