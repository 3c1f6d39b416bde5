/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker's part of a way back: what is noted before it, the plan, what is noted after it.
 */
#pragma once

#include "change.h"
#include "restore.h"

struct restore {
	struct change change;
	struct restore_request request;
	unsigned n_waiting; /* leases that have to end, and one */
	bool stuck;	    /* one of them does not end */

	enum unmanaged_reason unmanaged; /* from now on */
	bool lost;	/* where to is not known (any more) */
	int note_error; /* it is back, and that could not be noted */
};

void restore_run(struct nic *nic, void *restore);
