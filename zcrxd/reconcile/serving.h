/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where idle queues serve (idle-queues in the configuration): RSS follows the leases.
 */
#pragma once

#include "device.h"

/* Leases came or went: has RSS lead to all queues that serve now. Acquire itself takes it away from the queues of its
 * lease. Does nothing where idle queues are reserved, nor while the device is being configured, which ends with this. */
void device_serve(struct device *d);
