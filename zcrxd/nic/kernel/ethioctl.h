/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of ethtool has no netlink form: SIOCETHTOOL takes a command structure and a name. A name may be
 * another interface's by the time the kernel looks it up, which is when it has its lock: behind a slow
 * driver, that is seconds later. So the name is asked for anew before each command, and once more after
 * it: only if it still is this interface's was the answer its own.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#define ETHTOOL_ATTEMPTS 4 /* against renames */

struct ethtool_device {
	int fd; /* any socket */
	unsigned ifindex;
	const char *name; /* for people */
};

/* -ENODEV: it is gone, or its driver has detached it. -ESTALE: it was renamed meanwhile, and whose answer this is is not known; then
 * `ret_called` (may be NULL) is the name that was used. */
int ethtool_ioctl(const struct ethtool_device *d, void *command, char ret_called[IFNAMSIZ]);
/* For what may be done twice: again, when it was renamed. */
int ethtool_repeat(const struct ethtool_device *d, void *command, size_t size);
/* Which of them: its index names nothing any more. */
bool ethtool_is_gone(const struct ethtool_device *d);
/* What is called so now; 0 for nothing. */
unsigned ethtool_find(const struct ethtool_device *d, const char *name);
bool ethtool_is_up(const struct ethtool_device *d);
