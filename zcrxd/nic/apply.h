/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a plan through a nic, step by step, or what is one call at once; when one fails, the inverses of those done run backwards.
 * The NIC is then as it was found, or the report says which undo failed.
 */
#pragma once

#include "guard.h"
#include "nic.h"

enum step_outcome {
	STEP_SKIPPED, /* an earlier one failed */
	STEP_DONE,
	STEP_FAILED,
	STEP_UNDONE,
	STEP_UNDO_FAILED,
	_STEP_OUTCOME_MAX,
};

struct step_result {
	enum step_outcome outcome;
	char *message; /* FAILED, UNDO_FAILED: why; else NULL */
};

const char *step_outcome_to_string(enum step_outcome o); /* skipped, done, failed, undone,
							  * undo-failed */

/* Room for the results of a plan's steps; all skipped. NULL if there is no memory. */
struct step_result *step_results_new(const struct plan *plan);
void step_results_free(struct step_result *results, size_t n);

/*
 * From step `first` on; those in front of it are done, and are undone with the others.
 * results[plan->n_steps] is written in every case. 0 if every step is done; else what the failing
 * step returned, with *reterr from it.
 */
int plan_apply(struct nic *nic, const struct plan *plan, size_t first, struct step_result *results,
	       struct fault *reterr);
/* Those that are done, backwards. */
void plan_undo(struct nic *nic, const struct plan *plan, struct step_result *results);

/* guard_check() of a plan, with what is reached by way of the NIC now. Asked only for what disturbs. */
int plan_check_reach(struct nic *nic, const struct plan *plan, const struct nic_state *state,
		     bool set_before, const char *remedy, struct fault *reterr);
