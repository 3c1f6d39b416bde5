/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ETHTOOL_SRXFHINDIR; see rssioctl.h.
 */
#include <linux/ethtool.h>

#include "ethioctl.h"
#include "macro.h"
#include "rssioctl.h"

int rss_ioctl_set(int fd, const char *ifname, const uint32_t *entries, size_t n)
{
	_cleanup_free_ struct ethtool_rxfh_indir *indir =
		calloc(1, sizeof(*indir) + n * sizeof(indir->ring_index[0]));

	if (!indir)
		return -ENOMEM;
	indir->cmd = ETHTOOL_SRXFHINDIR;
	indir->size = (uint32_t)n;
	if (n > 0)
		memcpy(indir->ring_index, entries, n * sizeof(*entries));
	return ethtool_ioctl(fd, ifname, indir);
}
