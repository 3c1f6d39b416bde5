// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counters, in the three forms that the kernel shows: ethtool -S, netdev's qstats, and the
 * device's own. Reads only. Counters of a queue live as long as the port, also while it is not
 * among the channels, so that totals never go back.
 */
#include <net/netdev_queues.h>

#include "zcnic.h"

struct zcnic_counter {
	const char *name;
	size_t offset; /* in struct zcnic_queue */
};

#define ZCNIC_COUNTER(dir, field) { #field, offsetof(struct zcnic_queue, dir.field) }

/* clang-format off */
static const struct zcnic_counter zcnic_rx_counters[] = {
	ZCNIC_COUNTER(rx, packets),
	ZCNIC_COUNTER(rx, bytes),
	ZCNIC_COUNTER(rx, split_packets),
	ZCNIC_COUNTER(rx, zc_bytes),
	ZCNIC_COUNTER(rx, page_bytes),
	ZCNIC_COUNTER(rx, alloc_fail),
	ZCNIC_COUNTER(rx, overruns),
};

static const struct zcnic_counter zcnic_tx_counters[] = {
	ZCNIC_COUNTER(tx, packets),
	ZCNIC_COUNTER(tx, bytes),
	ZCNIC_COUNTER(tx, drops),
};
/* clang-format on */

/* Of the whole port, in the order of zcnic_get_ethtool_stats(). */
static const char *const zcnic_port_counters[] = {
	"rx_rule_drops", "rx_oversize_drops", "rx_closed_drops", "bounces", "bind_stops", "unlisted_reads",
	"dry_stops",
};

static u64 zcnic_counter_read(const struct zcnic_queue *queue, const struct zcnic_counter *counter)
{
	return READ_ONCE(*(const unsigned long *)((const char *)queue + counter->offset));
}

int zcnic_get_sset_count(struct net_device *netdev, int sset)
{
	if (sset != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return ARRAY_SIZE(zcnic_port_counters) +
	       netdev->real_num_rx_queues * ARRAY_SIZE(zcnic_rx_counters) +
	       netdev->real_num_tx_queues * ARRAY_SIZE(zcnic_tx_counters);
}

void zcnic_get_strings(struct net_device *netdev, u32 sset, u8 *data)
{
	if (sset != ETH_SS_STATS)
		return;

	for (size_t i = 0; i < ARRAY_SIZE(zcnic_port_counters); i++)
		ethtool_puts(&data, zcnic_port_counters[i]);
	for (unsigned int q = 0; q < netdev->real_num_rx_queues; q++) {
		for (size_t i = 0; i < ARRAY_SIZE(zcnic_rx_counters); i++)
			ethtool_sprintf(&data, "rx%u_%s", q, zcnic_rx_counters[i].name);
	}
	for (unsigned int q = 0; q < netdev->real_num_tx_queues; q++) {
		for (size_t i = 0; i < ARRAY_SIZE(zcnic_tx_counters); i++)
			ethtool_sprintf(&data, "tx%u_%s", q, zcnic_tx_counters[i].name);
	}
}

void zcnic_get_ethtool_stats(struct net_device *netdev, struct ethtool_stats *stats, u64 *data)
{
	struct zcnic_port *port = netdev_priv(netdev);

	*data++ = READ_ONCE(port->rule_drops);
	*data++ = atomic_long_read(&port->oversize_drops);
	*data++ = atomic_long_read(&port->closed_drops);
	*data++ = READ_ONCE(port->bounces);
	*data++ = READ_ONCE(port->bind_stops);
	*data++ = READ_ONCE(port->unlisted_reads);
	*data++ = READ_ONCE(port->dry_stops);
	for (unsigned int q = 0; q < netdev->real_num_rx_queues; q++) {
		for (size_t i = 0; i < ARRAY_SIZE(zcnic_rx_counters); i++)
			*data++ = zcnic_counter_read(&port->queue[q], &zcnic_rx_counters[i]);
	}
	for (unsigned int q = 0; q < netdev->real_num_tx_queues; q++) {
		for (size_t i = 0; i < ARRAY_SIZE(zcnic_tx_counters); i++)
			*data++ = zcnic_counter_read(&port->queue[q], &zcnic_tx_counters[i]);
	}
}

static void zcnic_queue_stats_rx(struct net_device *netdev, int index,
				 struct netdev_queue_stats_rx *stats)
{
	struct zcnic_port *port = netdev_priv(netdev);
	const struct zcnic_rx_stats *rx = &port->queue[index].rx;

	stats->packets = READ_ONCE(rx->packets);
	stats->bytes = READ_ONCE(rx->bytes);
	stats->alloc_fail = READ_ONCE(rx->alloc_fail);
	stats->hw_drop_overruns = READ_ONCE(rx->overruns);
	stats->hw_drops = stats->alloc_fail + stats->hw_drop_overruns;
	stats->csum_unnecessary = READ_ONCE(rx->csum_unnecessary);
	stats->csum_none = READ_ONCE(rx->csum_none);
}

static void zcnic_queue_stats_tx(struct net_device *netdev, int index,
				 struct netdev_queue_stats_tx *stats)
{
	struct zcnic_port *port = netdev_priv(netdev);
	const struct zcnic_tx_stats *tx = &port->queue[index].tx;

	stats->packets = READ_ONCE(tx->packets);
	stats->bytes = READ_ONCE(tx->bytes);
}

/* What queues counted that are no channels now, and what no queue can be blamed for. */
static void zcnic_base_stats(struct net_device *netdev, struct netdev_queue_stats_rx *rx,
			     struct netdev_queue_stats_tx *tx)
{
	struct zcnic_port *port = netdev_priv(netdev);

	*rx = (struct netdev_queue_stats_rx) {};
	*tx = (struct netdev_queue_stats_tx) {};
	netdev_stat_queue_sum(netdev, netdev->real_num_rx_queues, port->max_queues, rx,
			      netdev->real_num_tx_queues, port->max_queues, tx);
	rx->hw_drops += READ_ONCE(port->rule_drops) + atomic_long_read(&port->oversize_drops) +
			atomic_long_read(&port->closed_drops);
}

const struct netdev_stat_ops zcnic_stat_ops = {
	.get_queue_stats_rx = zcnic_queue_stats_rx,
	.get_queue_stats_tx = zcnic_queue_stats_tx,
	.get_base_stats = zcnic_base_stats,
};

void zcnic_get_stats64(struct net_device *netdev, struct rtnl_link_stats64 *stats)
{
	struct zcnic_port *port = netdev_priv(netdev);

	for (unsigned int i = 0; i < port->max_queues; i++) {
		const struct zcnic_queue *queue = &port->queue[i];

		stats->rx_packets += READ_ONCE(queue->rx.packets);
		stats->rx_bytes += READ_ONCE(queue->rx.bytes);
		stats->rx_dropped += READ_ONCE(queue->rx.alloc_fail);
		stats->rx_fifo_errors += READ_ONCE(queue->rx.overruns);
		stats->tx_packets += READ_ONCE(queue->tx.packets);
		stats->tx_bytes += READ_ONCE(queue->tx.bytes);
		stats->tx_dropped += READ_ONCE(queue->tx.drops);
	}
	stats->rx_dropped += READ_ONCE(port->rule_drops) + atomic_long_read(&port->closed_drops);
	stats->rx_length_errors = atomic_long_read(&port->oversize_drops);
}
