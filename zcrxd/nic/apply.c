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

static int undo(struct nic *nic, const struct step *step)
{
	struct step inverse = step_inverse(step);

	return nic->ops->apply(nic, &inverse, NULL);
}

/* All of them even if one fails: each one that works leaves less behind. */
static void undo_before(struct nic *nic, const struct plan *plan, size_t failed,
			enum step_outcome *outcomes)
{
	/* The failed step may have had an effect, only not the one that was asked for (a ring size
	 * that the driver rounded). Where it had none, its inverse changes nothing, and a kernel
	 * that lacks the feature refuses that too: only the outcomes of the others tell something.
	 */
	(void)undo(nic, &plan->steps[failed]);
	for (size_t i = failed; i-- > 0;)
		outcomes[i] = undo(nic, &plan->steps[i]) == 0 ? STEP_UNDONE : STEP_UNDO_FAILED;
}

int plan_apply(struct nic *nic, const struct plan *plan, enum step_outcome *outcomes,
	       struct fault *reterr)
{
	int r;

	for (size_t i = 0; i < plan->n_steps; i++)
		outcomes[i] = STEP_SKIPPED;
	for (size_t i = 0; i < plan->n_steps; i++) {
		r = nic->ops->apply(nic, &plan->steps[i], reterr);
		if (r == 0) {
			outcomes[i] = STEP_DONE;
			continue;
		}
		outcomes[i] = STEP_FAILED;
		undo_before(nic, plan, i, outcomes);
		return r;
	}
	return 0;
}
