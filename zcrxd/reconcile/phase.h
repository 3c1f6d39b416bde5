/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens to a device, performed as the table of model/nic/device-phase.h says. Nothing else changes
 * its phase, or the reason that is given for it.
 */
#pragma once

#include "device.h"

/* `reason` as people read it; NULL: it stays, but for what is configured, which has none. The device may be
 * freed by what it leads to: DEVICE_UNUSED, DEVICE_ENTRY_LOST. */
void device_event(struct device *d, enum device_event event, const char *reason);
/* A better word for where it is anyway. */
void device_explain(struct device *d, const char *reason);
