/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RSS by ioctl, for kernels before 6.17, which cannot by netlink. Goes away with them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* No entries: back to the driver's default. The table must have the device's size. -errno. */
int rss_ioctl_set(int fd, const char *ifname, const uint32_t *entries, size_t n);
/* A context with this table, which must have the device's size; gone again. -errno. */
int rss_ioctl_create_context(int fd, const char *ifname, const uint32_t *entries, size_t n,
			     uint32_t *ret_context);
int rss_ioctl_delete_context(int fd, const char *ifname, uint32_t context);
