/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of ethtool has no netlink form: SIOCETHTOOL takes a name and a command structure.
 */
#pragma once

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

static inline int ethtool_ioctl(int fd, const char *ifname, void *command)
{
	struct ifreq ifr = { .ifr_data = command };

	strncpy(ifr.ifr_name, ifname, IFNAMSIZ - 1);
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}
