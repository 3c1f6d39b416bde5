// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive-side scaling: the default indirection table and key, further contexts, and the Toeplitz
 * hash. The core keeps the contexts' ids and checks tables against the number of queues; this file
 * keeps what the "hardware" uses. wire.c calls zcnic_rss_queue() under steer_lock.
 */
#include <linux/unaligned.h>

#include "zcnic.h"

static u32 zcnic_toeplitz(const u8 *key, const u8 *data, unsigned int len)
{
	u32 window = get_unaligned_be32(key);
	u32 hash = 0;

	for (unsigned int i = 0; i < len; i++) {
		for (u8 bit = BIT(7); bit; bit >>= 1) {
			if (data[i] & bit)
				hash ^= window;
			window = window << 1 | !!(key[i + sizeof(window)] & bit);
		}
	}
	return hash;
}

/* Which fields of a frame are hashed can be chosen for each of these, or -1. */
static int zcnic_hash_class(u32 flow_type)
{
	switch (flow_type) {
	case TCP_V4_FLOW:
		return 0;
	case UDP_V4_FLOW:
		return 1;
	case TCP_V6_FLOW:
		return 2;
	case UDP_V6_FLOW:
		return 3;
	case IPV4_FLOW:
		return 4;
	case IPV6_FLOW:
		return 5;
	}
	return -1;
}

/* Appends the next field of the rule's key, if it is to be hashed. */
static void zcnic_hash_field(const u8 **key, size_t len, bool wanted, u8 *input, size_t *n)
{
	if (wanted) {
		memcpy(input + *n, *key, len);
		*n += len;
	}
	*key += len;
}

/* What can be hashed is the head of the rule key: addresses, then ports, in network order. */
unsigned int zcnic_rss_queue(const struct zcnic_port *port, const struct zcnic_rss *rss,
			     const struct zcnic_flow *flow, u32 *ret_hash)
{
	const bool six = flow->hash_len >= offsetof(struct ethtool_tcpip6_spec, psrc);
	const size_t address = six ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	const int class = zcnic_hash_class(flow->type ?: six ? IPV6_FLOW : IPV4_FLOW);
	const u8 *key = (const u8 *)&flow->key;
	u8 input[offsetof(struct ethtool_tcpip6_spec, tclass)];
	size_t n = 0;

	/* One word of key more than input, as the window runs ahead. */
	BUILD_BUG_ON(sizeof(input) + sizeof(u32) > ZCNIC_RSS_KEY_LEN);

	if (flow->hash_len) {
		const u32 fields = port->hash_fields[class];

		zcnic_hash_field(&key, address, fields & RXH_IP_SRC, input, &n);
		zcnic_hash_field(&key, address, fields & RXH_IP_DST, input, &n);
		zcnic_hash_field(&key, sizeof(__be16), fields & RXH_L4_B_0_1, input, &n);
		zcnic_hash_field(&key, sizeof(__be16), fields & RXH_L4_B_2_3, input, &n);
	}
	*ret_hash = zcnic_toeplitz(rss->key, input, n);
	return rss->indir[*ret_hash % ZCNIC_RSS_ENTRIES];
}

static void zcnic_rss_fill(u32 *indir, unsigned int queues)
{
	for (unsigned int i = 0; i < ZCNIC_RSS_ENTRIES; i++)
		indir[i] = ethtool_rxfh_indir_default(i, queues);
}

void zcnic_rss_spread(struct zcnic_port *port, unsigned int queues)
{
	spin_lock_bh(&port->steer_lock);
	zcnic_rss_fill(port->rss[0].indir, queues);
	spin_unlock_bh(&port->steer_lock);
}

/* Tells the core, and by it whoever listens, that contexts and table are not what they were. Under
 * rtnl, as contexts come and go by other hands than ours. */
void zcnic_rss_lost(struct zcnic_port *port)
{
	struct ethtool_rxfh_context *ctx;
	unsigned long id;

	xa_for_each(&port->netdev->ethtool->rss_ctx, id, ctx)
		ethtool_rxfh_context_lost(port->netdev, id);
	ethtool_rxfh_indir_lost(port->netdev);
}

/* The driver loses its contexts in a reset, and leaves the core in the belief that they are there. */
void zcnic_contexts_lost(struct zcnic_port *port)
{
	struct ethtool_rxfh_context *ctx;
	unsigned long id;

	if (!zcnic_has(port, ZCNIC_CONTEXTS_LOST))
		return;
	xa_for_each(&port->netdev->ethtool->rss_ctx, id, ctx)
		if (id < ZCNIC_MAX_CONTEXTS)
			__set_bit(id, port->contexts_lost);
}

void zcnic_rss_new_key(struct zcnic_port *port)
{
	spin_lock_bh(&port->steer_lock);
	get_random_bytes(port->rss[0].key, ZCNIC_RSS_KEY_LEN);
	spin_unlock_bh(&port->steer_lock);
}

void zcnic_rss_init(struct zcnic_port *port)
{
	netdev_rss_key_fill(port->rss[0].key, ZCNIC_RSS_KEY_LEN);
	for (int i = 0; i < ZCNIC_HASH_CLASSES; i++)
		port->hash_fields[i] = RXH_IP_SRC | RXH_IP_DST;
	for (int i = 0; i <= zcnic_hash_class(UDP_V6_FLOW); i++)
		port->hash_fields[i] |= RXH_L4_B_0_1 | RXH_L4_B_2_3;
	zcnic_rss_spread(port, port->netdev->real_num_rx_queues);
}

u32 zcnic_rxfh_indir_size(struct net_device *netdev)
{
	return ZCNIC_RSS_ENTRIES;
}

u32 zcnic_rxfh_key_size(struct net_device *netdev)
{
	return ZCNIC_RSS_KEY_LEN;
}

static int zcnic_rss_set(struct zcnic_port *port, struct zcnic_rss *rss,
			 const struct ethtool_rxfh_param *rxfh, struct netlink_ext_ack *extack)
{
	if (rxfh->hfunc != ETH_RSS_HASH_NO_CHANGE && rxfh->hfunc != ETH_RSS_HASH_TOP) {
		NL_SET_ERR_MSG_MOD(extack, "the only hash function is toeplitz");
		return -EOPNOTSUPP;
	}

	spin_lock_bh(&port->steer_lock);
	if (rxfh->indir)
		memcpy(rss->indir, rxfh->indir, sizeof(rss->indir));
	if (rxfh->key)
		memcpy(rss->key, rxfh->key, sizeof(rss->key));
	spin_unlock_bh(&port->steer_lock);
	return 0;
}

int zcnic_get_rxfh(struct net_device *netdev, struct ethtool_rxfh_param *rxfh)
{
	struct zcnic_port *port = netdev_priv(netdev);
	int err;

	err = zcnic_fault(port, ZCNIC_OP_RXFH_GET, NULL);
	if (err)
		return err;

	/* Asked about the default context only: the core knows the others itself. */
	rxfh->hfunc = ETH_RSS_HASH_TOP;
	if (rxfh->indir)
		memcpy(rxfh->indir, port->rss[0].indir, sizeof(port->rss[0].indir));
	if (rxfh->key)
		memcpy(rxfh->key, port->rss[0].key, sizeof(port->rss[0].key));
	return 0;
}

int zcnic_set_rxfh(struct net_device *netdev, struct ethtool_rxfh_param *rxfh,
		   struct netlink_ext_ack *extack)
{
	struct zcnic_port *port = netdev_priv(netdev);
	int err;

	err = zcnic_fault(port, ZCNIC_OP_RXFH, extack);
	err = err ?: zcnic_rss_set(port, &port->rss[0], rxfh, extack);
	return err ?: zcnic_bounce(port);
}

int zcnic_get_rxfh_fields(struct net_device *netdev, struct ethtool_rxfh_fields *fields)
{
	const struct zcnic_port *port = netdev_priv(netdev);
	const int class = zcnic_hash_class(fields->flow_type);

	if (class < 0)
		return -EINVAL;
	fields->data = port->hash_fields[class];
	return 0;
}

int zcnic_set_rxfh_fields(struct net_device *netdev, const struct ethtool_rxfh_fields *fields,
			  struct netlink_ext_ack *extack)
{
	const u32 addresses = RXH_IP_SRC | RXH_IP_DST, ports = RXH_L4_B_0_1 | RXH_L4_B_2_3;
	const int class = zcnic_hash_class(fields->flow_type);
	struct zcnic_port *port = netdev_priv(netdev);

	if (class < 0)
		return -EINVAL;
	if (fields->data &
	    ~(class <= zcnic_hash_class(UDP_V6_FLOW) ? addresses | ports : addresses)) {
		NL_SET_ERR_MSG_MOD(extack,
				   "addresses and ports can be hashed, ports of TCP and UDP");
		return -EINVAL;
	}
	spin_lock_bh(&port->steer_lock);
	port->hash_fields[class] = fields->data;
	spin_unlock_bh(&port->steer_lock);
	return 0;
}

int zcnic_create_context(struct net_device *netdev, struct ethtool_rxfh_context *ctx,
			 const struct ethtool_rxfh_param *rxfh, struct netlink_ext_ack *extack)
{
	struct zcnic_port *port = netdev_priv(netdev);
	struct zcnic_rss *rss = &port->rss[rxfh->rss_context];
	int err;

	err = zcnic_fault(port, ZCNIC_OP_CTX_CREATE, extack);
	if (err)
		return err;

	/* What is not given is the default, and the core wants to know it. */
	zcnic_rss_fill(rss->indir, netdev->real_num_rx_queues);
	memcpy(rss->key, port->rss[0].key, sizeof(rss->key));
	if (!rxfh->indir)
		memcpy(ethtool_rxfh_context_indir(ctx), rss->indir, sizeof(rss->indir));
	if (!rxfh->key)
		memcpy(ethtool_rxfh_context_key(ctx), rss->key, sizeof(rss->key));
	if (rxfh->hfunc == ETH_RSS_HASH_NO_CHANGE)
		ctx->hfunc = ETH_RSS_HASH_TOP;
	return zcnic_rss_set(port, rss, rxfh, extack);
}

int zcnic_modify_context(struct net_device *netdev, struct ethtool_rxfh_context *ctx,
			 const struct ethtool_rxfh_param *rxfh, struct netlink_ext_ack *extack)
{
	struct zcnic_port *port = netdev_priv(netdev);
	int err;

	err = zcnic_fault(port, ZCNIC_OP_CTX_MODIFY, extack);
	return err ?: zcnic_rss_set(port, &port->rss[rxfh->rss_context], rxfh, extack);
}

int zcnic_remove_context(struct net_device *netdev, struct ethtool_rxfh_context *ctx, u32 context,
			 struct netlink_ext_ack *extack)
{
	/* What was lost cannot be removed, and stays in the core's list (mlx5). */
	if (test_bit(context, ((struct zcnic_port *)netdev_priv(netdev))->contexts_lost))
		return -EINVAL;
	/* No rule uses it (the core has checked), so its table is not read any more. */
	return zcnic_fault(netdev_priv(netdev), ZCNIC_OP_CTX_REMOVE, extack);
}
