/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker's part of configuring: what an earlier act has noted, the plan, what is noted before and
 * after it.
 */
#pragma once

#include "change.h"

struct configure {
	struct change change; /* its config is a copy: the file may be reloaded meanwhile */
	enum configure_mode mode;
	uint32_t *held;
	uint64_t confirm_within;
	bool fresh;
	bool reports; /* on-drift: what others have changed is not put right unasked */
	char *entry; /* what it is to be, in words */

	bool first;	 /* what was found was noted by this job */
	char *refused; /* the plan that was refused before; NULL: none was */
	bool unchanged; /* it is that one again: nothing was tried */
	bool left_alone; /* for what an earlier act has noted */
	bool drifted;	 /* it is left as somebody else has made it */
};

void configure_run(struct nic *nic, void *configure);
