/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nic_ops.observe: everything about one NIC into a struct nic_state, one request for each kind of
 * thing. What the device does not have leaves its has_* false; only a NIC that is gone, or a
 * kernel that answers nonsense, fails.
 */
#include <linux/ethtool_netlink.h>

#include "driver.h"
#include "kernel-nic.h"
#include "link.h"
#include "netdev.h"
#include "netkit.h"
#include "rfs.h"
#include "rxnfc.h"
#include "sysfs.h"
#include "uapi.h"

#define QUEUES_MAX 65536

/* The kernel's word that there is no such thing here. Drivers and core disagree about the errno. */
static bool is_unsupported(const struct netlink *nl, int r)
{
	return nl->refused && (r == -EOPNOTSUPP || r == -EINVAL || r == -ENOENT);
}

static int observe_link(struct kernel_nic *nic, struct nic_state *state)
{
	struct nic_link link = {};
	int r = link_get(&nic->route, nic->nic.ifindex, &link);

	if (r < 0)
		return r;
	if (!nic->driver[0] && !link.kind[0])
		sysfs_driver(link.name, link.ifindex, nic->driver, sizeof(nic->driver));
	memcpy(nic->name, link.name, sizeof(nic->name));
	memcpy(state->name, link.name, sizeof(state->name));
	state->ifindex = link.ifindex;
	state->up = link.up;
	state->driver = strdup(nic->driver);
	return state->driver ? 0 : -ENOMEM;
}

/* Which no setting changes, so it is asked once; not of drivers that are known to have it, nor of a NIC that is
 * configured already: the device that it takes is told to everybody. Where the kernel has no leases, or
 * forbids to ask, it is not known. */
static int observe_queue_management(struct kernel_nic *nic, struct nic_state *state)
{
	if (!nic->asked && state->split != SPLIT_ENABLED && !driver_manages_queues(state->driver) &&
	    netlink_family_has(&nic->netdev, UAPI_NETDEV_CMD_QUEUE_CREATE)) {
		(void)netkit_ask(&nic->route, &nic->genl, &nic->netdev, nic->nic.ifindex,
				 &nic->no_queue_management);
		nic->asked = true;
	}
	state->no_queue_management = nic->no_queue_management;
	return 0;
}

/* Whether the driver could split at all: GET does not tell, and it is too late to learn it when
 * the first of several changes is made. */
static int observe_split_refusal(struct kernel_nic *nic, struct nic_state *state)
{
	int r;

	if (state->split == SPLIT_ENABLED)
		return 0;
	r = netlink_call(&nic->genl, ethnl_probe_split(&nic->ethtool, nic->nic.ifindex), NULL,
			 NULL);
	if (r < 0 && !nic->genl.refused)
		return r;
	if (r != -EOPNOTSUPP)
		return 0;
	state->split_refusal = strdup(nic->genl.text ?: strerror(EOPNOTSUPP));
	return state->split_refusal ? 0 : -ENOMEM;
}

/* What keeps hardware GRO off without a word. */
static int observe_private_flags(struct kernel_nic *nic, struct nic_state *state)
{
	struct ethnl_private_flags flags = {};
	int r;

	if (!driver_splits_by_gro(state->driver) || feature_is_on(state->gro_hw))
		return 0;
	r = kernel_nic_read(nic, ETHTOOL_MSG_PRIVFLAGS_GET, ethnl_read_private_flags, &flags);
	if (r < 0)
		return nic->genl.refused ? 0 : r;
	state->cqe_compression = flags.cqe_compression;
	state->legacy_rq = !flags.striding_rq;
	return 0;
}

static int observe_settings(struct kernel_nic *nic, struct nic_state *state)
{
	struct ethnl_features features = {};
	struct ethnl_rings rings = {};
	int r;

	state->numa_node = link_numa_node(nic->name);
	r = kernel_nic_read(nic, ETHTOOL_MSG_CHANNELS_GET, ethnl_read_channels, &state->channels);
	if (r < 0 && !is_unsupported(&nic->genl, r))
		return r;
	state->has_channels = r >= 0;
	r = kernel_nic_read(nic, ETHTOOL_MSG_RINGS_GET, ethnl_read_rings, &rings);
	if (r < 0 && !is_unsupported(&nic->genl, r))
		return r;
	if (r >= 0) {
		state->has_rings = true;
		state->rx_ring = rings.rx;
		state->rx_ring_max = rings.rx_max;
		state->rx_jumbo_ring = rings.rx_jumbo;
		state->has_split = rings.has_split;
		state->split = rings.split;
		state->has_hds_threshold = rings.has_hds_threshold;
		state->hds_threshold = rings.hds_threshold;
	}
	r = observe_split_refusal(nic, state);
	if (r < 0)
		return r;
	r = kernel_nic_read(nic, ETHTOOL_MSG_FEATURES_GET, ethnl_read_features, &features);
	if (r < 0 && !is_unsupported(&nic->genl, r))
		return r;
	state->ntuple = features.ntuple;
	state->gro_hw = features.gro_hw;
	return observe_private_flags(nic, state);
}

static int observe_rss(struct kernel_nic *nic, struct nic_state *state)
{
	struct ethnl_rss rss = {};
	size_t n = 0;
	int r = kernel_nic_read_rss(nic, &rss);

	if (r < 0)
		return is_unsupported(&nic->genl, r) ? 0 : r;
	/* The default table goes to its own place, the others close up. */
	for (size_t i = 0; i < rss.n; i++) {
		if (rss.tables[i].context != 0) {
			rss.tables[n++] = rss.tables[i];
		} else if (rss.tables[i].n > 0 && !state->has_rss) {
			state->has_rss = true;
			state->rss = rss.tables[i];
		} else {
			free(rss.tables[i].entries);
		}
	}
	state->contexts = rss.tables;
	state->n_contexts = n;
	return 0;
}

static int observe_rules(struct kernel_nic *nic, struct nic_state *state)
{
	const struct ethtool_device device = kernel_nic_device(nic);
	int r = rxnfc_list(&device, &state->rules, &state->n_rules,
			   &state->chooses_locations);

	if (r == -EOPNOTSUPP || r == -EINVAL)
		return 0;
	state->has_rules = r >= 0;
	return r;
}

/* The kernel tells about queues only while the interface is up. */
static int observe_queues(struct kernel_nic *nic, struct nic_state *state)
{
	struct netdev_queues queues = {};
	int r;

	if (!state->up || !state->has_channels)
		return 0;
	queues.n = nic_channels_rx(&state->channels);
	if (queues.n == 0 || queues.n > QUEUES_MAX)
		return queues.n ? -EBADMSG : 0;
	queues.queues = calloc(queues.n, sizeof(*queues.queues));
	if (!queues.queues)
		return -ENOMEM;
	state->queues = queues.queues;
	r = netlink_dump(&nic->genl, netdev_dump_queues(&nic->netdev, nic->nic.ifindex),
			 netdev_read_queue, NULL, &queues);
	if (r < 0)
		return r;
	state->n_queues = queues.n;
	/* What is bound shows that the split was set: it could not be, else. */
	for (size_t q = 0; q < queues.n; q++)
		state->split_was_set |= queues.queues[q].io_uring || queues.queues[q].dmabuf;
	r = netlink_dump(&nic->genl, netdev_dump_napis(&nic->netdev, nic->nic.ifindex),
			 netdev_read_napi, NULL, &queues);
	if (r >= 0)
		r = netlink_dump(&nic->genl, netdev_dump_pools(&nic->netdev), netdev_read_pool,
				 netdev_reset_pools, &queues);
	if (r >= 0)
		r = netlink_dump(&nic->genl, netdev_dump_counters(&nic->netdev, nic->nic.ifindex),
				 netdev_read_counters, NULL, &queues);
	for (size_t i = 0; i < queues.n; i++)
		if (queues.queues[i].interrupt.irq > 0)
			irq_read_affinity(&queues.queues[i].interrupt);
	return is_unsupported(&nic->genl, r) ? 0 : r; /* counters are optional for drivers */
}

/* They decide nothing: where they cannot be read they are not told. */
static int observe_guard(struct kernel_nic *nic, struct nic_state *state)
{
	(void)nft_guard_count(&nic->guard, &state->guarded_urgent, &state->guarded_signed);
	return 0;
}

typedef int (*observe_part)(struct kernel_nic *nic, struct nic_state *state);

static int observe(struct kernel_nic *nic, const observe_part *parts, size_t n,
		   struct nic_state **ret, struct fault *reterr)
{
	_cleanup_(nic_state_freep) struct nic_state *state = calloc(1, sizeof(*state));
	_cleanup_free_ char *operation = NULL;
	int r = 0;

	if (!state)
		return -ENOMEM;
	for (size_t i = 0; i < n && r >= 0; i++)
		r = parts[i](nic, state);
	if (r == -ENODEV || r == -EPERM || r == -EBUSY) {
		if (asprintf(&operation, "read the settings of %s", nic->name) < 0) {
			operation = NULL;
			return -ENOMEM;
		}
		if (r == -ENODEV)
			return kernel_nic_absent(nic, operation, reterr);
		return fault_kernel(reterr, -r, nic->genl.text, operation,
				    "The device may be in the middle of a reset; try again.");
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(state);
	return 0;
}

int kernel_nic_observe(struct nic *base, struct nic_state **ret, struct fault *reterr)
{
	static const observe_part parts[] = { observe_link, observe_settings,
					      observe_queue_management, observe_rss, observe_rules,
					      observe_rfs, observe_queues, observe_guard };

	return observe(kernel_nic(base), parts, ARRAY_SIZE(parts), ret, reterr);
}

int kernel_nic_observe_steering(struct nic *base, struct nic_state **ret, struct fault *reterr)
{
	static const observe_part parts[] = { observe_link, observe_rss, observe_rules,
					      observe_rfs };

	return observe(kernel_nic(base), parts, ARRAY_SIZE(parts), ret, reterr);
}

/* Neither counters nor pools are there with every driver. */
int kernel_nic_counters(struct nic *base, const uint32_t *queues, size_t n, struct nic_queue *ret,
			struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	_cleanup_free_ struct nic_queue *list = NULL;
	struct netdev_queues all = {};
	int r = kernel_nic_begin(nic, reterr);

	if (r != 0)
		return r;
	r = kernel_nic_read_queues(nic, &all);
	list = all.queues;
	if (r >= 0)
		r = netlink_dump(&nic->genl, netdev_dump_pools(&nic->netdev), netdev_read_pool,
				 netdev_reset_pools, &all);
	if (r >= 0)
		r = netlink_dump(&nic->genl, netdev_dump_counters(&nic->netdev, nic->nic.ifindex),
				 netdev_read_counters, NULL, &all);
	if (r == -ENODEV)
		return kernel_nic_absent(nic, "read what the queues count", reterr);
	if (r < 0 && !is_unsupported(&nic->genl, r))
		return r;
	for (size_t i = 0; i < n; i++)
		ret[i] = queues[i] < all.n ? list[queues[i]] : (struct nic_queue) {};
	return 0;
}
