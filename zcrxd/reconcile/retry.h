/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * No interface stays degraded for good because something failed once: whatever could not be done is tried
 * again by time, after a second and then after twice as long each time, up to a minute. What differs by
 * somebody's doing has a next look of its own (reconcile/drift.c), and so has what waits for leases or for
 * its confirmation. Where only a person can help (an interface that was put back, say), nothing is tried,
 * and the reason says what to do.
 */
#pragma once

#include <stdint.h>

struct device;

/* Something of this device failed: again after a while, which is longer each time. */
void device_retry(struct device *d);
/* It is as it should be, or left to a person: no further try, and the next failure is the first again. */
void device_retry_done(struct device *d);
/* When something is tried next, by itself: CLOCK_MONOTONIC, 0 for not. */
uint64_t device_next_try(const struct device *d);
