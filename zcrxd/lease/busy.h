/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queues of a device that must not be disturbed.
 */
#pragma once

#include "device.h"

/* Leased queues, and those that are withheld because somebody else has bound them. -ENOMEM. */
int device_busy_queues(const struct device *d, uint32_t **ret, size_t *ret_n);
