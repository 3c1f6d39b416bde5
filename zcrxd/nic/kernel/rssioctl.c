/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ETHTOOL_SRXFHINDIR and ETHTOOL_SRSSH; see rssioctl.h.
 */
#include <errno.h>
#include <linux/ethtool.h>

#include "macro.h"
#include "rssioctl.h"

int rss_ioctl_set(const struct ethtool_device *d, const uint32_t *entries, size_t n)
{
	_cleanup_free_ struct ethtool_rxfh_indir *indir =
		calloc(1, sizeof(*indir) + n * sizeof(indir->ring_index[0]));

	if (!indir)
		return -ENOMEM;
	indir->cmd = ETHTOOL_SRXFHINDIR;
	indir->size = (uint32_t)n;
	if (n > 0)
		memcpy(indir->ring_index, entries, n * sizeof(*entries));
	return ethtool_repeat(d, indir, sizeof(*indir) + n * sizeof(indir->ring_index[0]));
}

int rss_ioctl_create_context(const struct ethtool_device *d, const uint32_t *entries, size_t n,
			     uint32_t *ret_context)
{
	_cleanup_free_ struct ethtool_rxfh *rxfh =
		calloc(1, sizeof(*rxfh) + n * sizeof(rxfh->rss_config[0]));
	int r;

	if (!rxfh)
		return -ENOMEM;
	rxfh->cmd = ETHTOOL_SRSSH;
	rxfh->rss_context = ETH_RXFH_CONTEXT_ALLOC;
	rxfh->indir_size = (uint32_t)n;
	rxfh->input_xfrm = RXH_XFRM_NO_CHANGE;
	memcpy(rxfh->rss_config, entries, n * sizeof(*entries));
	r = ethtool_ioctl(d, rxfh, NULL);
	if (r >= 0)
		*ret_context = rxfh->rss_context;
	return r;
}

int rss_ioctl_delete_context(const struct ethtool_device *d, uint32_t context)
{
	struct ethtool_rxfh rxfh = {
		.cmd = ETHTOOL_SRSSH,
		.rss_context = context,
		.input_xfrm = RXH_XFRM_NO_CHANGE,
	};

	return ethtool_repeat(d, &rxfh, sizeof(rxfh));
}
