// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ethtool configures beyond rules and RSS: channels, ring sizes, header/data split. Called by
 * the core under the instance lock, after it has checked limits, RSS tables, rules and providers.
 */
#include <net/netdev_lock.h>
#include <net/netdev_queues.h>

#include "zcnic.h"

static u32 zcnic_get_link(struct net_device *netdev)
{
	return netif_carrier_ok(netdev);
}

static int zcnic_get_link_ksettings(struct net_device *netdev, struct ethtool_link_ksettings *link)
{
	link->base.speed = netif_carrier_ok(netdev) ? SPEED_100000 : SPEED_UNKNOWN;
	link->base.duplex = DUPLEX_FULL;
	link->base.port = PORT_DA;
	link->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

static u32 zcnic_get_rx_ring_count(struct net_device *netdev)
{
	return netdev->real_num_rx_queues;
}

static void zcnic_get_channels(struct net_device *netdev, struct ethtool_channels *channels)
{
	const struct zcnic_port *port = netdev_priv(netdev);

	if (zcnic_has(port, ZCNIC_SEPARATE_CHANNELS)) {
		channels->max_rx = port->max_queues;
		channels->max_tx = port->max_queues;
		channels->rx_count = netdev->real_num_rx_queues;
		channels->tx_count = netdev->real_num_tx_queues;
		return;
	}
	channels->max_combined = port->max_queues;
	channels->combined_count = netdev->real_num_rx_queues;
}

/* A table nobody configured covers all queues, always; a configured one is kept. Some drivers keep
 * none, and leave the core in the belief that they did. */
static void zcnic_channels_respread(struct zcnic_port *port, unsigned int count)
{
	if (!netif_is_rxfh_configured(port->netdev) || zcnic_has(port, ZCNIC_TABLE_REWRITTEN))
		zcnic_rss_spread(port, count);
}

static int zcnic_channels_grow(struct zcnic_port *port, unsigned int old, unsigned int count,
			       unsigned int tx_count)
{
	struct net_device *netdev = port->netdev;
	const bool running = netif_running(netdev);
	int err;

	if (running) {
		err = zcnic_queues_open(port, old, count);
		if (err)
			return err;
	}
	err = netif_set_real_num_queues(netdev, tx_count, count);
	if (err) {
		if (running)
			zcnic_queues_close(port, old, count);
		return err;
	}
	zcnic_channels_respread(port, count);
	return 0;
}

static int zcnic_channels_shrink(struct zcnic_port *port, unsigned int old, unsigned int count,
				 unsigned int tx_count)
{
	struct net_device *netdev = port->netdev;
	int err;

	/* Lead traffic away first. */
	zcnic_channels_respread(port, count);
	err = netif_set_real_num_queues(netdev, tx_count, count);
	if (err)
		return err;
	if (netif_running(netdev))
		zcnic_queues_close(port, count, old);
	return 0;
}

static int zcnic_set_channels(struct net_device *netdev, struct ethtool_channels *channels)
{
	struct zcnic_port *port = netdev_priv(netdev);
	const unsigned int old = netdev->real_num_rx_queues;
	/* One of the two is 0. */
	const unsigned int count = channels->combined_count + channels->rx_count;
	const unsigned int tx_count = channels->combined_count + channels->tx_count;
	int err;

	err = zcnic_fault(port, ZCNIC_OP_CHANNELS, NULL);
	if (err)
		return err;
	if (count > old)
		err = zcnic_channels_grow(port, old, count, tx_count);
	else
		err = zcnic_channels_shrink(port, old, count, tx_count);
	if (err)
		return err;
	if (netif_running(netdev))
		netif_tx_wake_all_queues(netdev);
	if (zcnic_has(port, ZCNIC_FEW_FILTERED))
		netdev_update_features(netdev);
	return zcnic_bounce(port);
}

static void zcnic_get_ringparam(struct net_device *netdev, struct ethtool_ringparam *ring,
				struct kernel_ethtool_ringparam *kernel_ring,
				struct netlink_ext_ack *extack)
{
	const struct zcnic_port *port = netdev_priv(netdev);

	ring->rx_max_pending =
		port->hds && zcnic_has(port, ZCNIC_SPLIT_SHRINKS) ? ZCNIC_SPLIT_RING : ZCNIC_MAX_RING;
	ring->tx_max_pending = ZCNIC_MAX_RING;
	ring->rx_pending = port->rx_ring;
	ring->tx_pending = port->tx_ring;

	/* What the NIC does, which for "auto" is not to split, but for the quirk. */
	kernel_ring->tcp_data_split =
		port->hds ? ETHTOOL_TCP_DATA_SPLIT_ENABLED : ETHTOOL_TCP_DATA_SPLIT_DISABLED;
	kernel_ring->hds_thresh = port->hds_thresh;
	kernel_ring->hds_thresh_max = ZCNIC_HDS_THRESH_MAX;
}

void zcnic_split_update(struct zcnic_port *port)
{
	const bool automatic = port->split == ETHTOOL_TCP_DATA_SPLIT_UNKNOWN;

	WRITE_ONCE(port->hds, port->split == ETHTOOL_TCP_DATA_SPLIT_ENABLED ||
				      (automatic && zcnic_has(port, ZCNIC_SPLIT_FIXED)));
}

/* Whether this port's driver would set the split so. */
static int zcnic_split_check(const struct zcnic_port *port, u8 split,
			     struct netlink_ext_ack *extack)
{
	if (split == ETHTOOL_TCP_DATA_SPLIT_DISABLED && zcnic_has(port, ZCNIC_SPLIT_FIXED))
		return -EINVAL;
	if (split != ETHTOOL_TCP_DATA_SPLIT_ENABLED)
		return 0;
	if (zcnic_has(port, ZCNIC_SPLIT_REFUSED)) {
		NL_SET_ERR_MSG_MOD(extack, "this firmware cannot split headers from data");
		return -EOPNOTSUPP;
	}
	if (zcnic_has(port, ZCNIC_SPLIT_GRO_HW) && !(port->netdev->features & NETIF_F_GRO_HW)) {
		NL_SET_ERR_MSG_MOD(extack, "no tcp-data-split while rx-gro-hw is off");
		return -EINVAL;
	}
	return 0;
}

static int zcnic_set_ringparam(struct net_device *netdev, struct ethtool_ringparam *ring,
			       struct kernel_ethtool_ringparam *kernel_ring,
			       struct netlink_ext_ack *extack)
{
	struct zcnic_port *port = netdev_priv(netdev);
	int err;

	err = zcnic_fault(port, ZCNIC_OP_RINGPARAM, extack);
	if (err)
		return err;
	err = zcnic_split_check(port, kernel_ring->tcp_data_split, extack);
	if (err)
		return err;

	if (ring->rx_pending < ZCNIC_MIN_RING || ring->tx_pending < ZCNIC_MIN_RING) {
		NL_SET_ERR_MSG_FMT_MOD(extack, "a ring has at least %u entries", ZCNIC_MIN_RING);
		return -EINVAL;
	}
	if (kernel_ring->tcp_data_split == ETHTOOL_TCP_DATA_SPLIT_ENABLED &&
	    zcnic_has(port, ZCNIC_SPLIT_SHRINKS))
		ring->rx_pending = min(ring->rx_pending, ZCNIC_SPLIT_RING);
	if (ring->rx_pending != port->rx_ring && netif_running(netdev)) {
		err = zcnic_queues_resize(port, ring->rx_pending);
		if (err)
			return err;
	}

	WRITE_ONCE(port->rx_ring, ring->rx_pending);
	port->tx_ring = ring->tx_pending;
	port->split = kernel_ring->tcp_data_split;
	zcnic_split_update(port);
	WRITE_ONCE(port->hds_thresh, kernel_ring->hds_thresh);
	return zcnic_bounce(port);
}

/* The driver's name and the bus address come from the parent device, by the core. */
const struct ethtool_ops zcnic_ethtool_ops = {
	.supported_ring_params = ETHTOOL_RING_USE_TCP_DATA_SPLIT | ETHTOOL_RING_USE_HDS_THRS,
	.rxfh_per_ctx_key = true,
	.rxfh_max_num_contexts = ZCNIC_MAX_CONTEXTS,
	/* netif_set_real_num_queues() wants it. */
	.op_needs_rtnl = ETHTOOL_OP_NEEDS_RTNL_SCHANNELS,
	.get_link = zcnic_get_link,
	.get_link_ksettings = zcnic_get_link_ksettings,
	.get_ts_info = ethtool_op_get_ts_info,
	.get_channels = zcnic_get_channels,
	.set_channels = zcnic_set_channels,
	.get_ringparam = zcnic_get_ringparam,
	.set_ringparam = zcnic_set_ringparam,
	.get_rx_ring_count = zcnic_get_rx_ring_count,
	.get_rxfh_indir_size = zcnic_rxfh_indir_size,
	.get_rxfh_key_size = zcnic_rxfh_key_size,
	.get_rxfh = zcnic_get_rxfh,
	.set_rxfh = zcnic_set_rxfh,
	.get_rxfh_fields = zcnic_get_rxfh_fields,
	.set_rxfh_fields = zcnic_set_rxfh_fields,
	.create_rxfh_context = zcnic_create_context,
	.modify_rxfh_context = zcnic_modify_context,
	.remove_rxfh_context = zcnic_remove_context,
	.get_rxnfc = zcnic_get_rxnfc,
	.set_rxnfc = zcnic_set_rxnfc,
	.get_sset_count = zcnic_get_sset_count,
	.get_strings = zcnic_get_strings,
	.get_ethtool_stats = zcnic_get_ethtool_stats,
};
