/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Setting the default RSS table by ioctl, for kernels before 6.17, which cannot by netlink. Goes
 * away with them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* No entries: back to the driver's default. The table must have the device's size. -errno. */
int rss_ioctl_set(int fd, const char *ifname, const uint32_t *entries, size_t n);
