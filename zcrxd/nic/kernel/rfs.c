/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See rfs.h. Most machines have no RFS, which one small file tells.
 */
#include <fcntl.h>
#include <linux/ethtool_netlink.h>

#include "driver.h"
#include "rfs.h"

#define QUEUES_MAX 65536

/* -ENOENT: there is no such file. */
static int read_number(int dir, const char *path, unsigned long *ret)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	char text[32] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -errno;
	*ret = strtoul(text, NULL, 10);
	return 0;
}

/* The sysctl is shown in the first network namespace only, and holds for all of them. */
static bool may_be_on(void)
{
	unsigned long entries;

	return read_number(AT_FDCWD, "/proc/sys/net/core/rps_sock_flow_entries", &entries) < 0 || entries > 0;
}

static int read_queues(struct nic_state *state)
{
	_cleanup_close_ int dir = -EBADF;
	unsigned long flows;
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/net/%s/queues", state->name);
	dir = open(path, O_DIRECTORY | O_PATH | O_CLOEXEC);
	for (unsigned q = 0; dir >= 0 && q < QUEUES_MAX; q++) {
		uint32_t *queues;

		snprintf(path, sizeof(path), "rx-%u/rps_flow_cnt", q);
		if (read_number(dir, path, &flows) < 0)
			break;
		if (flows == 0)
			continue;
		queues = reallocarray(state->rfs_queues, state->n_rfs_queues + 1, sizeof(*queues));
		if (!queues)
			return -ENOMEM;
		state->rfs_queues = queues;
		queues[state->n_rfs_queues++] = q;
	}
	return 0;
}

int observe_rfs(struct kernel_nic *nic, struct nic_state *state)
{
	struct ethnl_features features = {};
	int r;

	if (!driver_accelerates_rfs(state->driver) || !may_be_on())
		return 0;
	r = read_queues(state);
	if (r < 0 || state->n_rfs_queues == 0)
		return r;
	r = kernel_nic_read(nic, ETHTOOL_MSG_FEATURES_GET, ethnl_read_features, &features);
	if (r >= 0 && !feature_is_on(features.ntuple))
		state->n_rfs_queues = 0;
	return r >= 0 || nic->genl.refused ? 0 : r;
}
