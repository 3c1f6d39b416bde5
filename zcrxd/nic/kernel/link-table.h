/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every link of this namespace, kept by the kernel's notifications: asking for the list takes the
 * kernel's rtnl lock, which a driver may hold for seconds, and the event loop must not wait for it.
 */
#pragma once

#include "nic.h"
#include "netlink.h"

struct link_table {
	struct nic_link *links; /* without what sysfs and udev know */
	size_t n;
};

void link_table_done(struct link_table *t);
/* From scratch: at the start, and when notifications were lost. */
int link_table_fill(struct link_table *t, struct netlink *route);
/* What a notification says; others are ignored. -ENOMEM only. */
int link_table_update(struct link_table *t, const struct nlmsghdr *m);
/* As nic_backend_ops.links. */
int link_table_copy(const struct link_table *t, struct nic_link **ret, size_t *ret_n);
