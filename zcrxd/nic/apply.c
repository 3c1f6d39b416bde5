/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See apply.h. Decides nothing: the order is the planner's, the undo is the plan read backwards.
 */
#include "apply.h"

const char *step_outcome_to_string(enum step_outcome o)
{
	static const char *const names[_STEP_OUTCOME_MAX] = {
		[STEP_SKIPPED] = "skipped",	    [STEP_DONE] = "done",
		[STEP_FAILED] = "failed",	    [STEP_UNDONE] = "undone",
		[STEP_UNDO_FAILED] = "undo-failed",
	};

	return o >= 0 && o < _STEP_OUTCOME_MAX ? names[o] : "unknown";
}

struct step_result *step_results_new(const struct plan *plan)
{
	return calloc(plan->n_steps + 1, sizeof(struct step_result));
}

void step_results_free(struct step_result *results, size_t n)
{
	for (size_t i = 0; results && i < n; i++)
		free(results[i].message);
	free(results);
}

static void set_result(struct step_result *result, enum step_outcome outcome, const char *message)
{
	free(result->message);
	*result = (struct step_result) { outcome, message ? strdup(message) : NULL };
}

static void undo(struct nic *nic, const struct step *step, struct step_result *result)
{
	const struct step inverse = step_inverse(step);
	_cleanup_fault_ struct fault fault = {};
	int r;

	nic_progress(nic);
	r = nic->ops->apply(nic, &inverse, 1, &fault);

	set_result(result, r == 0 ? STEP_UNDONE : STEP_UNDO_FAILED,
		   r == 0 ? NULL : fault_text(r, &fault));
}

/* All of them even if one fails: each one that works leaves less behind. */
void plan_undo(struct nic *nic, const struct plan *plan, struct step_result *results)
{
	for (size_t i = plan->n_steps; i-- > 0;)
		if (results[i].outcome == STEP_DONE)
			undo(nic, &plan->steps[i], &results[i]);
}

/* It may have had an effect, only not the one that was asked for (a ring size that the driver
 * rounded). Where it had none, its inverse changes nothing, and a kernel that lacks the feature
 * refuses that too: only the outcomes of the others tell something. */
static void undo_failed(struct nic *nic, const struct step *step)
{
	const struct step inverse = step_inverse(step);

	(void)nic->ops->apply(nic, &inverse, 1, NULL);
}

int plan_apply(struct nic *nic, const struct plan *plan, size_t first, struct step_result *results,
	       struct fault *reterr)
{
	_cleanup_fault_ struct fault own = {};
	struct fault *fault = reterr ?: &own;

	for (size_t i = 0; i < plan->n_steps; i++)
		set_result(&results[i], i < first ? STEP_DONE : STEP_SKIPPED, NULL);
	for (size_t i = first, n; i < plan->n_steps; i += n) {
		int r;

		n = plan_at_once(plan, i);
		nic_progress(nic);
		r = nic->ops->apply(nic, &plan->steps[i], n, fault);
		for (size_t k = i; k < i + n; k++)
			set_result(&results[k], r == 0 ? STEP_DONE : STEP_FAILED, r == 0 ? NULL : fault_text(r, fault));
		if (r == 0)
			continue;
		/* One by one: what the ring may be can depend on the others. */
		for (size_t k = i + n; k-- > i;)
			undo_failed(nic, &plan->steps[k]);
		plan_undo(nic, plan, results);
		return r;
	}
	return 0;
}

int plan_check_reach(struct nic *nic, const struct plan *plan, const struct nic_state *state,
		     bool set_before, const char *remedy, struct fault *reterr)
{
	_cleanup_free_ struct reach *reach = NULL;
	int r;

	if (!plan_disturbs(plan, state->driver))
		return 0;
	reach = malloc(sizeof(*reach));
	if (!reach)
		return -ENOMEM;
	nic_progress(nic);
	r = nic->ops->reach(nic, reach, reterr);
	return r == 0 ? guard_check(plan, state, reach, set_before, remedy, reterr) : r;
}
