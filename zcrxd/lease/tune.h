/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tune: how the interrupts and NAPI of a queue are set, for as long as the lease has it.
 */
#pragma once

#include "leases.h"

#define TUNE_EVERY_QUEUE UINT_MAX
typedef void (*tune_done)(struct lease *lease, int r, struct fault *fault, void *userdata);
/* One queue of the lease or every one; until the lease ends. */
int lease_tune(struct lease *l, unsigned queue, const struct tuning *tuning, tune_done done,
	       void *userdata, struct fault *reterr);
/* On the worker, when the queue is nobody's any more: as it was found. */
int tune_restore(struct nic *nic, uint32_t queue, const struct tuning *found, struct fault *reterr);
