/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The standing look: while nothing happens, the worker of an interface itself sees once a second whether anything has
 * changed, of what the kernel does not notify; nobody else wakes up.
 */
#pragma once

#include "device.h"

struct drift_scan;

/* After a scan. True: nothing is wrong or under way on its device, and from now on it is repeated by the worker until
 * something changes: it is taken over. */
bool standing_start(struct drift_scan *k);
/* What it is compared with changes, or is about to: from here on the loop looks, until nothing happens again. Cheap where
 * there is none. */
void standing_end(struct device *d);
/* What its queues have counted until now, of which the loop hears nothing, is what the device's metrics tell. */
void standing_tell_counts(struct device *d);
/* The same as standing_end(), and nobody looks any more. */
void standing_forget(struct device *d);
