// SPDX-License-Identifier: GPL-2.0-only
/*
 * A port as the network stack sees it: creation, up and down, carrier, MTU, address, features.
 * Called by main.c and by the core. The carrier is on exactly while both ends are up and linked.
 */
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include <net/netdev_lock.h>

#include "zcnic.h"

static int zcnic_open(struct net_device *netdev)
{
	struct zcnic_port *port = netdev_priv(netdev);
	struct zcnic_port *peer = rtnl_dereference(port->peer);
	int err;

	err = zcnic_fault(port, ZCNIC_OP_OPEN, NULL);
	if (err)
		return err;

	err = zcnic_queues_open(port, 0, netdev->real_num_rx_queues);
	if (err)
		return err;

	netif_tx_start_all_queues(netdev);
	if (peer && netif_running(peer->netdev)) {
		netif_carrier_on(netdev);
		netif_carrier_on(peer->netdev);
	}
	return 0;
}

static int zcnic_stop(struct net_device *netdev)
{
	struct zcnic_port *port = netdev_priv(netdev);
	struct zcnic_port *peer = rtnl_dereference(port->peer);

	netif_carrier_off(netdev);
	if (peer)
		netif_carrier_off(peer->netdev);
	netif_tx_stop_all_queues(netdev);
	if (!port->dead)
		zcnic_queues_close(port, 0, netdev->real_num_rx_queues);
	port->dead = false;
	return 0;
}

static int zcnic_change_mtu(struct net_device *netdev, int mtu)
{
	int err;

	err = zcnic_fault(netdev_priv(netdev), ZCNIC_OP_MTU, NULL);
	if (!err)
		WRITE_ONCE(netdev->mtu, mtu);
	return err;
}

static int zcnic_set_mac_address(struct net_device *netdev, void *addr)
{
	struct zcnic_port *port = netdev_priv(netdev);
	int err;

	err = zcnic_fault(port, ZCNIC_OP_MAC, NULL) ?: eth_mac_addr(netdev, addr);
	if (!err && zcnic_has(port, ZCNIC_RULES_LOST))
		zcnic_rules_flush(port);
	return err;
}

static netdev_features_t zcnic_fix_features(struct net_device *netdev, netdev_features_t features)
{
	const struct zcnic_port *port = netdev_priv(netdev);

	if (zcnic_has(port, ZCNIC_SPLIT_GRO_HW) && port->split == ETHTOOL_TCP_DATA_SPLIT_ENABLED)
		features |= NETIF_F_GRO_HW;
	if (zcnic_has(port, ZCNIC_FEW_FILTERED) && netdev->real_num_rx_queues > ZCNIC_FILTERED_QUEUES)
		features &= ~NETIF_F_NTUPLE;
	return features;
}

static int zcnic_set_features(struct net_device *netdev, netdev_features_t features)
{
	struct zcnic_port *port = netdev_priv(netdev);
	int err;

	err = zcnic_fault(port, ZCNIC_OP_FEATURES, NULL);
	if (err)
		return err;

	if ((netdev->features & NETIF_F_NTUPLE) && !(features & NETIF_F_NTUPLE))
		zcnic_rules_flush(port);
	return 0;
}

/* What TSO would cut is handed on as it is, since hardware GRO would put it together again: where there is none, the
 * stack cuts. */
static netdev_features_t zcnic_features_check(struct sk_buff *skb, struct net_device *netdev,
					      netdev_features_t features)
{
	struct zcnic_port *port = netdev_priv(netdev);
	struct zcnic_port *peer = rcu_dereference_bh(port->peer);

	return peer && peer->netdev->features & NETIF_F_GRO_HW ? features : features & ~NETIF_F_GSO_MASK;
}

static const struct net_device_ops zcnic_netdev_ops = {
	.ndo_open = zcnic_open,
	.ndo_stop = zcnic_stop,
	.ndo_start_xmit = zcnic_xmit,
	.ndo_change_mtu = zcnic_change_mtu,
	.ndo_set_mac_address = zcnic_set_mac_address,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_features_check = zcnic_features_check,
	.ndo_fix_features = zcnic_fix_features,
	.ndo_set_features = zcnic_set_features,
	.ndo_get_stats64 = zcnic_get_stats64,
};

static void zcnic_netdev_setup(struct net_device *netdev)
{
	struct zcnic_port *port = netdev_priv(netdev);

	netdev->netdev_ops = &zcnic_netdev_ops;
	netdev->ethtool_ops = &port->ethtool_ops;
	netdev->stat_ops = &zcnic_stat_ops;
	netdev->queue_mgmt_ops = &port->queue_mgmt_ops;
	/* Everything under the instance lock, also while these are not there (a quirk). */
	netdev->request_ops_lock = true;

	netdev->min_mtu = ETH_MIN_MTU;
	netdev->max_mtu = ZCNIC_MAX_MTU;
	/* Frames wait on the peer's wire: a sender may not share them among several sends. */
	netdev->priv_flags &= ~IFF_TX_SKB_SHARING;
	netdev->priv_flags |= IFF_LIVE_ADDR_CHANGE;

	netdev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_RXHASH | NETIF_F_NTUPLE;
	if (port->offload)
		netdev->hw_features |= NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_GRO_HW;
	/* Receive checksumming cannot be switched off: split payload has no other reader. */
	netdev->features = netdev->hw_features | NETIF_F_HIGHDMA | NETIF_F_RXCSUM;
	netdev->vlan_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_HIGHDMA;
}

struct zcnic_port *zcnic_port_create(struct device *parent, unsigned int max_queues,
				     unsigned int queues, const char *name, unsigned int id,
				     bool offload)
{
	/* Locally administered, the same at every load. */
	const u8 addr[ETH_ALEN] = { 0x02, 'z', 'c', 'n', 0, id };
	struct net_device *netdev;
	struct zcnic_port *port;

	netdev = alloc_etherdev_mqs(struct_size(port, queue, max_queues), max_queues, max_queues);
	if (!netdev)
		return ERR_PTR(-ENOMEM);

	port = netdev_priv(netdev);
	port->netdev = netdev;
	port->max_queues = max_queues;
	port->offload = offload;
	port->rx_ring = ZCNIC_DEFAULT_RING;
	port->tx_ring = ZCNIC_DEFAULT_RING;
	spin_lock_init(&port->steer_lock);
	spin_lock_init(&port->fault_lock);
	for (unsigned int i = 0; i < max_queues; i++) {
		port->queue[i].port = port;
		skb_queue_head_init(&port->queue[i].wire);
		skb_queue_head_init(&port->queue[i].filled);
		spin_lock_init(&port->queue[i].dma_lock);
	}

	zcnic_netdev_setup(netdev);
	netdev_lockdep_set_classes(netdev);
	SET_NETDEV_DEV(netdev, parent);
	eth_hw_addr_set(netdev, addr);
	if (name)
		strscpy(netdev->name, name);
	else
		snprintf(netdev->name, sizeof(netdev->name), "zc%u", id);

	/* Not registered yet, so this takes no lock and cannot fail. */
	netif_set_real_num_queues(netdev, queues, queues);
	/* An interrupt that is made again goes where the one before it was sent. */
	netif_set_affinity_auto(netdev);
	zcnic_rss_init(port);
	netif_carrier_off(netdev);
	return port;
}

void zcnic_port_free(struct zcnic_port *port)
{
	zcnic_dma_stop(port);
	free_netdev(port->netdev);
}

/* Neither end has the other yet; the newer one is down. */
void zcnic_port_link(struct zcnic_port *port, struct zcnic_port *peer)
{
	rcu_assign_pointer(port->peer, peer);
	rcu_assign_pointer(peer->peer, port);
}

void zcnic_port_unlink(struct zcnic_port *port)
{
	struct zcnic_port *peer = rtnl_dereference(port->peer);

	if (!peer)
		return;
	netif_carrier_off(peer->netdev);
	netif_carrier_off(port->netdev);
	RCU_INIT_POINTER(peer->peer, NULL);
	RCU_INIT_POINTER(port->peer, NULL);
}
