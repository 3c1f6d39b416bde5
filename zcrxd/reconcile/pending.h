/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of the configuration of a device waits for which leases to end, in words.
 */
#pragma once

#include "device.h"

/* What would bring it from what was observed last to its configuration. */
int device_plan(const struct device *d, struct plan **ret, struct fault *reterr);
/* The ids of the leases that a step waits for, each once; in the order of their queues. */
int pending_leases(const struct device *d, const struct pending_step *w, uint32_t **ret,
		   size_t *ret_n);
/* "Waits for lease 0000002a (queue 7), and for queue 6, which is quarantined." */
int pending_format(const struct device *d, const struct pending_step *w, char **ret);
/* Of all of the plan, as a reason. */
int pending_describe(const struct device *d, const struct plan *plan, char **ret);
