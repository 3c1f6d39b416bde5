/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker's part of configuring: what an earlier act has noted, the plan, what is noted before and
 * after it.
 */
#pragma once

#include "device.h"
#include "baseline.h"

struct configure {
	struct device *device;
	unsigned generation; /* the device may have come back as another interface meanwhile */
	struct reconcile reconcile; /* its config is a copy: the file may be reloaded meanwhile */
	enum configure_mode mode;
	uint32_t *held;
	uint64_t confirm_within;
	bool fresh;
	bool reports; /* on-drift: what others have changed is not put right unasked */
	char *path; /* of the file that says where it came from */
	char *entry; /* what it is to be, in words */
	device_done done;
	void *userdata;

	int r;
	struct fault fault;
	struct baseline baseline;
	char *set_aside; /* the file could not be read */
	bool first;	 /* what was found was noted by this job */
	char *refused; /* the plan that was refused before; NULL: none was */
	bool unchanged; /* it is that one again: nothing was tried */
	bool left_alone; /* for what an earlier act has noted */
	bool drifted;	 /* it is left as somebody else has made it */
};

void configure_run(struct nic *nic, void *configure);
