/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The netdev family in bytes: what the kernel says about receive queues, and the leasing of one to
 * a netkit device. Like ethnl.h: no socket, any bytes, readers are nl_handlers.
 */
#pragma once

#include "nic-state.h"
#include "netlink.h"

/* What a queue, NAPI or counter dump fills: queues[id] for the ids that exist. */
struct netdev_queues {
	struct nic_queue *queues;
	size_t n;
};

/* Also for NAPI_GET and QSTATS_GET by interface. */
struct nl_msg *netdev_dump_queues(const struct netlink_family *family, unsigned ifindex);
struct nl_msg *netdev_dump_napis(const struct netlink_family *family, unsigned ifindex);
struct nl_msg *netdev_dump_counters(const struct netlink_family *family, unsigned ifindex);
struct nl_msg *netdev_get_queue(const struct netlink_family *family, unsigned ifindex,
				uint32_t queue);
/* Leases receive queue `queue` of `ifindex` to the virtual device `lessee`. */
struct nl_msg *netdev_create_queue(const struct netlink_family *family, unsigned lessee,
				   unsigned ifindex, uint32_t queue);

/* Every page pool of the network namespace. */
struct nl_msg *netdev_dump_pools(const struct netlink_family *family);
struct nl_msg *netdev_get_napi(const struct netlink_family *family, uint32_t napi_id);
/* `which` of the settings: NAPI_... bits. */
struct nl_msg *netdev_set_napi(const struct netlink_family *family, uint32_t napi_id,
			       const struct napi_settings *settings, unsigned which);

int netdev_read_queue(const struct nlmsghdr *m, void *queues /* struct netdev_queues */);
int netdev_read_napi(const struct nlmsghdr *m, void *queues /* struct netdev_queues */);
int netdev_read_counters(const struct nlmsghdr *m, void *queues /* struct netdev_queues */);
/* Adds up; `reset` begins anew. */
int netdev_read_pool(const struct nlmsghdr *m, void *queues /* struct netdev_queues */);
void netdev_reset_pools(void *queues /* struct netdev_queues */);
int netdev_read_created(const struct nlmsghdr *m, void *queue /* uint32_t */);

/* Of a page pool notification; 0 if it does not say. */
unsigned netdev_read_ifindex(const struct nlmsghdr *m);
