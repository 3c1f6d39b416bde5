/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What `zcrxctl check --hardware` wants to know besides: see inspect.h.
 */
#include <linux/ethtool.h>
#include <sys/socket.h>

#include "ethioctl.h"
#include "inspect.h"
#include "kernel-nic.h"

static int count_statistics(const struct ethtool_device *d, uint32_t *ret)
{
	union {
		struct ethtool_sset_info info;
		char bytes[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} u = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = UINT64_C(1) << ETH_SS_STATS } };
	int r = ethtool_repeat(d, &u, sizeof(u));

	if (r < 0)
		return r;
	*ret = u.info.sset_mask ? u.info.data[0] : 0;
	return 0;
}

static int read_statistics(const struct ethtool_device *d, uint32_t n, nic_statistic found, void *userdata)
{
	size_t names_size = sizeof(struct ethtool_gstrings) + (size_t)n * ETH_GSTRING_LEN;
	size_t values_size = sizeof(struct ethtool_stats) + (size_t)n * sizeof(uint64_t);
	_cleanup_free_ struct ethtool_gstrings *names = calloc(1, names_size);
	_cleanup_free_ struct ethtool_stats *values = calloc(1, values_size);
	int r;

	if (!names || !values)
		return -ENOMEM;
	*names = (struct ethtool_gstrings) { .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = n };
	*values = (struct ethtool_stats) { .cmd = ETHTOOL_GSTATS, .n_stats = n };
	r = ethtool_repeat(d, names, names_size);
	if (r >= 0)
		r = ethtool_repeat(d, values, values_size);
	for (uint32_t i = 0; r >= 0 && i < n && i < names->len && i < values->n_stats; i++) {
		char name[ETH_GSTRING_LEN + 1] = {};

		memcpy(name, names->data + (size_t)i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);
		found(name, values->data[i], userdata);
	}
	return r;
}

int inspect_statistics(unsigned ifindex, const char *name, nic_statistic found, void *userdata)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct ethtool_device d = { fd, ifindex, name };
	uint32_t n = 0;
	int r = fd < 0 ? -errno : count_statistics(&d, &n);

	return r < 0 || n == 0 ? r : read_statistics(&d, n, found, userdata);
}
