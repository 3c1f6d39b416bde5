/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See ethioctl.h.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "ethioctl.h"
#include "macro.h"

/* Waits for no lock, unlike the command. */
static int read_name(const struct ethtool_device *d, struct ifreq *ret)
{
	struct ifreq ifr = { .ifr_ifindex = (int)d->ifindex };

	if (ioctl(d->fd, SIOCGIFNAME, &ifr) < 0)
		return errno == ENXIO ? -ENODEV : -errno;
	*ret = ifr;
	return 0;
}

int ethtool_ioctl(const struct ethtool_device *d, void *command, char ret_called[IFNAMSIZ])
{
	struct ifreq ifr, now;
	char called[IFNAMSIZ];
	int r = read_name(d, &ifr), q;

	if (r < 0)
		return r;
	memcpy(called, ifr.ifr_name, sizeof(called));
	ifr.ifr_data = command;
	r = ioctl(d->fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
	q = read_name(d, &now);
	if (q == 0 && strncmp(now.ifr_name, called, IFNAMSIZ) == 0)
		return r;
	if (ret_called)
		memcpy(ret_called, called, IFNAMSIZ);
	return -ESTALE;
}

int ethtool_repeat(const struct ethtool_device *d, void *command, size_t size)
{
	_cleanup_free_ void *asked = malloc(size);
	int r = -ESTALE;

	if (!asked)
		return -ENOMEM;
	memcpy(asked, command, size);
	for (unsigned i = 0; i < ETHTOOL_ATTEMPTS && r == -ESTALE; i++) {
		memcpy(command, asked, size);
		r = ethtool_ioctl(d, command, NULL);
	}
	return r;
}

unsigned ethtool_find(const struct ethtool_device *d, const char *name)
{
	struct ifreq ifr = {};

	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	return ioctl(d->fd, SIOCGIFINDEX, &ifr) < 0 ? 0 : (unsigned)ifr.ifr_ifindex;
}

bool ethtool_is_gone(const struct ethtool_device *d)
{
	struct ifreq ifr;

	return read_name(d, &ifr) == -ENODEV;
}

bool ethtool_is_up(const struct ethtool_device *d)
{
	struct ifreq ifr;

	return read_name(d, &ifr) == 0 && ioctl(d->fd, SIOCGIFFLAGS, &ifr) == 0 && ifr.ifr_flags & IFF_UP;
}
