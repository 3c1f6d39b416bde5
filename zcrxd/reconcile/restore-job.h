/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker's part of a way back: what is noted before it, the plan, what is noted after it.
 */
#pragma once

#include "apply.h"
#include "baseline.h"
#include "restore.h"

struct restore_job {
	enum restore_goal to;
	bool force, stop;
	char *path; /* of the file that says where to */

	int r;
	struct fault fault;
	struct nic_state *state; /* as it is in the end */
	struct plan *plan;
	struct step_result *results;
	enum unmanaged_reason unmanaged; /* from now on */
	bool lost;	 /* where to is not known (any more) */
	char *set_aside; /* the file could not be read */
	int note_error;	 /* it is back, and that could not be noted */
};

void restore_job_run(struct nic *nic, struct restore_job *g);
void restore_job_done(struct restore_job *g);
