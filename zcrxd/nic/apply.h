/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a plan through a nic, step by step; when one fails, the inverses of those done run backwards.
 * The NIC is then as it was found, or the report says which undo failed.
 */
#pragma once

#include "nic.h"

enum step_outcome {
	STEP_SKIPPED, /* an earlier one failed */
	STEP_DONE,
	STEP_FAILED,
	STEP_UNDONE,
	STEP_UNDO_FAILED,
	_STEP_OUTCOME_MAX,
};

const char *step_outcome_to_string(enum step_outcome o); /* skipped, done, failed, undone,
							  * undo-failed */

/*
 * outcomes[plan->n_steps] is written in every case. 0 if every step is done; else what the failing
 * step returned, with *reterr from it.
 */
int plan_apply(struct nic *nic, const struct plan *plan, enum step_outcome *outcomes,
	       struct fault *reterr);
