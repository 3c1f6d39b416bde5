/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * netdev netlink messages to values and back; see netdev.h.
 */
#include <linux/netdev.h>

#include "netdev.h"
#include "uapi.h"

static struct nl_msg *by_interface(const struct netlink_family *family, uint8_t command,
				   int attribute, unsigned ifindex)
{
	_cleanup_nl_msg_ struct nl_msg *m = netlink_genl(family, command, 0);

	if (!m || nla_put_u32(m, attribute, ifindex) < 0)
		return NULL;
	return TAKE_PTR(m);
}

struct nl_msg *netdev_dump_queues(const struct netlink_family *family, unsigned ifindex)
{
	return by_interface(family, NETDEV_CMD_QUEUE_GET, NETDEV_A_QUEUE_IFINDEX, ifindex);
}

struct nl_msg *netdev_dump_napis(const struct netlink_family *family, unsigned ifindex)
{
	return by_interface(family, NETDEV_CMD_NAPI_GET, NETDEV_A_NAPI_IFINDEX, ifindex);
}

struct nl_msg *netdev_dump_counters(const struct netlink_family *family, unsigned ifindex)
{
	_cleanup_nl_msg_ struct nl_msg *m =
		by_interface(family, NETDEV_CMD_QSTATS_GET, NETDEV_A_QSTATS_IFINDEX, ifindex);

	if (!m || nla_put_u32(m, NETDEV_A_QSTATS_SCOPE, NETDEV_QSTATS_SCOPE_QUEUE) < 0)
		return NULL;
	return TAKE_PTR(m);
}

struct nl_msg *netdev_dump_pools(const struct netlink_family *family)
{
	return netlink_genl(family, NETDEV_CMD_PAGE_POOL_GET, 0);
}

struct nl_msg *netdev_get_napi(const struct netlink_family *family, uint32_t napi_id)
{
	return by_interface(family, NETDEV_CMD_NAPI_GET, NETDEV_A_NAPI_ID, napi_id);
}

struct nl_msg *netdev_set_napi(const struct netlink_family *family, uint32_t napi_id,
			       const struct napi_settings *s, unsigned which)
{
	_cleanup_nl_msg_ struct nl_msg *m =
		by_interface(family, UAPI_NETDEV_CMD_NAPI_SET, NETDEV_A_NAPI_ID, napi_id);

	if (!m ||
	    ((which & NAPI_DEFER_HARD_IRQS) &&
	     nla_put_u32(m, UAPI_NETDEV_A_NAPI_DEFER_HARD_IRQS, s->defer_hard_irqs) < 0) ||
	    ((which & NAPI_GRO_FLUSH_TIMEOUT) &&
	     nla_put_u64(m, UAPI_NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT, s->gro_flush_timeout) < 0) ||
	    ((which & NAPI_IRQ_SUSPEND_TIMEOUT) &&
	     nla_put_u64(m, UAPI_NETDEV_A_NAPI_IRQ_SUSPEND_TIMEOUT, s->irq_suspend_timeout) < 0))
		return NULL;
	return TAKE_PTR(m);
}

struct nl_msg *netdev_get_queue(const struct netlink_family *family, unsigned ifindex,
				uint32_t queue)
{
	_cleanup_nl_msg_ struct nl_msg *m =
		by_interface(family, NETDEV_CMD_QUEUE_GET, NETDEV_A_QUEUE_IFINDEX, ifindex);

	if (!m || nla_put_u32(m, NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX) < 0 ||
	    nla_put_u32(m, NETDEV_A_QUEUE_ID, queue) < 0)
		return NULL;
	return TAKE_PTR(m);
}

struct nl_msg *netdev_create_queue(const struct netlink_family *family, unsigned lessee,
				   unsigned ifindex, uint32_t queue)
{
	_cleanup_nl_msg_ struct nl_msg *m =
		by_interface(family, UAPI_NETDEV_CMD_QUEUE_CREATE, NETDEV_A_QUEUE_IFINDEX, lessee);
	struct nlattr *lease, *id;

	if (!m || nla_put_u32(m, NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX) < 0)
		return NULL;
	lease = nla_nest_start(m, UAPI_NETDEV_A_QUEUE_LEASE | NLA_F_NESTED);
	if (!lease || nla_put_u32(m, UAPI_NETDEV_A_LEASE_IFINDEX, ifindex) < 0)
		return NULL;
	id = nla_nest_start(m, UAPI_NETDEV_A_LEASE_QUEUE | NLA_F_NESTED);
	if (!id || nla_put_u32(m, NETDEV_A_QUEUE_ID, queue) < 0 ||
	    nla_put_u32(m, NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX) < 0 ||
	    nla_nest_end(m, id) < 0 || nla_nest_end(m, lease) < 0)
		return NULL;
	return TAKE_PTR(m);
}

int netdev_read_queue(const struct nlmsghdr *m, void *queues)
{
	struct nlattr *tb[UAPI_NETDEV_A_QUEUE_MAX + 1], *lease[UAPI_NETDEV_A_LEASE_NETNS_ID + 1];
	struct netdev_queues *all = queues;
	struct nic_queue *q;
	uint32_t id;
	int r = netlink_parse_genl(m, NULL, tb, UAPI_NETDEV_A_QUEUE_MAX);

	if (r < 0)
		return r;
	id = attr_u32(tb[NETDEV_A_QUEUE_ID], UINT32_MAX);
	if (attr_u32(tb[NETDEV_A_QUEUE_TYPE], UINT32_MAX) != NETDEV_QUEUE_TYPE_RX || id >= all->n)
		return 0;
	q = &all->queues[id];
	q->napi_id = attr_u32(tb[NETDEV_A_QUEUE_NAPI_ID], 0);
	q->dmabuf = tb[NETDEV_A_QUEUE_DMABUF];
	q->io_uring = tb[UAPI_NETDEV_A_QUEUE_IO_URING];
	q->xsk = tb[UAPI_NETDEV_A_QUEUE_XSK];
	q->leased = tb[UAPI_NETDEV_A_QUEUE_LEASE];
	if (q->leased && netlink_parse_nested(tb[UAPI_NETDEV_A_QUEUE_LEASE], lease,
					      UAPI_NETDEV_A_LEASE_NETNS_ID) >= 0) {
		q->lease_ifindex = attr_u32(lease[UAPI_NETDEV_A_LEASE_IFINDEX], 0);
		q->lease_elsewhere = lease[UAPI_NETDEV_A_LEASE_NETNS_ID];
		q->lease_namespace = (int)attr_u32(lease[UAPI_NETDEV_A_LEASE_NETNS_ID], 0);
	}
	return 0;
}

int netdev_read_napi(const struct nlmsghdr *m, void *queues)
{
	struct nlattr *tb[UAPI_NETDEV_A_NAPI_IRQ_SUSPEND_TIMEOUT + 1];
	struct netdev_queues *all = queues;
	struct napi_settings napi;
	bool has_napi;
	uint32_t id, irq;
	int r = netlink_parse_genl(m, NULL, tb, UAPI_NETDEV_A_NAPI_IRQ_SUSPEND_TIMEOUT);

	if (r < 0)
		return r;
	id = attr_u32(tb[NETDEV_A_NAPI_ID], 0);
	irq = attr_u32(tb[NETDEV_A_NAPI_IRQ], 0);
	has_napi = tb[UAPI_NETDEV_A_NAPI_DEFER_HARD_IRQS];
	napi = (struct napi_settings) {
		attr_u32(tb[UAPI_NETDEV_A_NAPI_DEFER_HARD_IRQS], 0),
		attr_uint(tb[UAPI_NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT], 0),
		attr_uint(tb[UAPI_NETDEV_A_NAPI_IRQ_SUSPEND_TIMEOUT], 0),
	};
	for (size_t i = 0; id > 0 && i < all->n; i++)
		if (all->queues[i].napi_id == id) {
			all->queues[i].interrupt.irq = irq;
			all->queues[i].has_napi = has_napi;
			all->queues[i].napi = napi;
		}
	return 0;
}

int netdev_read_counters(const struct nlmsghdr *m, void *queues)
{
	struct nlattr *tb[NETDEV_A_QSTATS_RX_HW_DROPS + 1];
	struct netdev_queues *all = queues;
	struct nic_queue *q;
	uint32_t id;
	int r = netlink_parse_genl(m, NULL, tb, NETDEV_A_QSTATS_RX_HW_DROPS);

	if (r < 0)
		return r;
	id = attr_u32(tb[NETDEV_A_QSTATS_QUEUE_ID], UINT32_MAX);
	if (attr_u32(tb[NETDEV_A_QSTATS_QUEUE_TYPE], UINT32_MAX) != NETDEV_QUEUE_TYPE_RX ||
	    id >= all->n)
		return 0;
	q = &all->queues[id];
	q->has_counters = tb[NETDEV_A_QSTATS_RX_PACKETS] && tb[NETDEV_A_QSTATS_RX_BYTES];
	q->packets = attr_uint(tb[NETDEV_A_QSTATS_RX_PACKETS], 0);
	q->bytes = attr_uint(tb[NETDEV_A_QSTATS_RX_BYTES], 0);
	q->has_failures = tb[NETDEV_A_QSTATS_RX_ALLOC_FAIL];
	q->failures = attr_uint(tb[NETDEV_A_QSTATS_RX_ALLOC_FAIL], 0);
	q->has_drops = tb[NETDEV_A_QSTATS_RX_HW_DROPS];
	q->drops = attr_uint(tb[NETDEV_A_QSTATS_RX_HW_DROPS], 0);
	return 0;
}

/* Which interface a pool is of follows from its NAPI; one that is detached has none any more. */
int netdev_read_pool(const struct nlmsghdr *m, void *queues)
{
	struct nlattr *tb[NETDEV_A_PAGE_POOL_INFLIGHT_MEM + 1];
	struct netdev_queues *all = queues;
	uint32_t napi_id;
	int r = netlink_parse_genl(m, NULL, tb, NETDEV_A_PAGE_POOL_INFLIGHT_MEM);

	if (r < 0)
		return r;
	napi_id = (uint32_t)attr_uint(tb[NETDEV_A_PAGE_POOL_NAPI_ID], 0);
	for (size_t i = 0; napi_id > 0 && i < all->n; i++)
		if (all->queues[i].napi_id == napi_id) {
			all->queues[i].has_pool = true;
			all->queues[i].pool_buffers +=
				attr_uint(tb[NETDEV_A_PAGE_POOL_INFLIGHT], 0);
			all->queues[i].pool_bytes +=
				attr_uint(tb[NETDEV_A_PAGE_POOL_INFLIGHT_MEM], 0);
		}
	return 0;
}

void netdev_reset_pools(void *queues)
{
	struct netdev_queues *all = queues;

	for (size_t i = 0; i < all->n; i++) {
		all->queues[i].has_pool = false;
		all->queues[i].pool_buffers = all->queues[i].pool_bytes = 0;
	}
}

int netdev_read_created(const struct nlmsghdr *m, void *queue)
{
	struct nlattr *tb[NETDEV_A_QUEUE_ID + 1];
	int r = netlink_parse_genl(m, NULL, tb, NETDEV_A_QUEUE_ID);

	if (r < 0)
		return r;
	*(uint32_t *)queue = attr_u32(tb[NETDEV_A_QUEUE_ID], UINT32_MAX);
	return 0;
}

unsigned netdev_read_ifindex(const struct nlmsghdr *m)
{
	struct nlattr *tb[UAPI_NETDEV_A_PAGE_POOL_IFINDEX + 1];

	if (netlink_parse_genl(m, NULL, tb, UAPI_NETDEV_A_PAGE_POOL_IFINDEX) < 0)
		return 0;
	return attr_u32(tb[UAPI_NETDEV_A_PAGE_POOL_IFINDEX], 0);
}
