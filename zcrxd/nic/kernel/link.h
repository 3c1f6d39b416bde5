/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Network devices as rtnetlink, sysfs and udev's database describe them. Nothing here asks a
 * driver, but link_list, link_get and the routes wait for whoever holds the kernel's rtnl lock. The
 * kernel's refusals come as negative errno: -ENODEV for a link that is gone.
 */
#pragma once

#include "nic.h"
#include "netlink.h"

/* What the alias of a lease's device begins with, for people who read `ip link`; the NIC's name follows. */
#define LEASE_LABEL "zcrxd lease of "
#define LEASE_PREFIX "zcrx-" /* of its name: model/lease/lease.h */

/* It is the device of a lease by its name, or by its label if somebody has renamed it. */
bool link_is_lease(const struct nic_link *link);

/* Without driver and path, which link_complete reads, lock or no lock. nic_links_free frees it. */
int link_list(struct netlink *route, struct nic_link **ret, size_t *ret_n);
int link_complete(struct nic_link *link);
int link_bring_up(struct netlink *route, unsigned ifindex);
/* Likewise, and without the alternative names. */
int link_get(struct netlink *route, unsigned ifindex, struct nic_link *ret);
int link_addresses(struct netlink *route, unsigned ifindex, struct local_address **ret,
		   size_t *ret_n);
int link_numa_node(const char *name); /* -1 if it has none */

/* The pure halves, for tests. */
int link_read(const struct nlmsghdr *m, struct nic_link *ret);
/* What link_read leaves out because it takes memory. */
int link_read_altnames(const struct nlmsghdr *m, char **ret);
struct link_addresses {
	unsigned ifindex; /* 0: of all links */
	struct local_address *list;
	size_t n;
};
int link_read_address(const struct nlmsghdr *m, void *addresses /* struct link_addresses */);
