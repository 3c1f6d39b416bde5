/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of ntuple rules as it is at one moment. Presence and absence of a rule are proved by the list of
 * all of them: a location that is not listed is never asked for, which gve of Linux 7.2 answers by reading
 * beyond its memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ethioctl.h"
#include "nic-state.h"

#define RXTABLE_ATTEMPTS 8 /* against other people who use the table at the same moment */

struct rxtable {
	bool chooses;	/* the driver chooses locations itself */
	uint32_t size;	/* 0 if it does not say */
	uint32_t *used; /* locations; the caller frees them */
	size_t n_used;
};

/* The kernel's answer as negative errno; -EBUSY: others change it all the time. */
int rxtable_read(const struct ethtool_device *d, struct rxtable *ret);
/* The rule at a location. -ENOENT: there is none. */
int rxtable_find(const struct ethtool_device *d, uint32_t location, struct nic_rule *ret);
