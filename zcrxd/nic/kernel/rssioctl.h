/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RSS by ioctl, for kernels before 6.17, which cannot by netlink. Goes away with them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ethioctl.h"

/* No entries: back to the driver's default. The table must have the device's size. -errno. */
int rss_ioctl_set(const struct ethtool_device *d, const uint32_t *entries, size_t n);
/* A context with this table, which must have the device's size; gone again. -errno. */
int rss_ioctl_create_context(const struct ethtool_device *d, const uint32_t *entries, size_t n,
			     uint32_t *ret_context);
int rss_ioctl_delete_context(const struct ethtool_device *d, uint32_t context);
