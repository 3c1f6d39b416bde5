/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules of leases that were not there any more when they were to be removed, though the interface was. What a
 * driver has lost in a reset it may restore later; nobody has such a rule then, and it leads to a queue that
 * is somebody else's by that time. They are known as long as the interface is open, and removed whenever they
 * are seen.
 */
#pragma once

#include "device.h"

void stray_note(struct device *d, const struct flow *flow, const struct rule_target *target);
/* Of what was seen just now. True if there were any. */
bool strays_remove(struct device *d, const struct nic_state *seen);
