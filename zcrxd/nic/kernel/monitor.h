/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything the kernel tells on its own, behind one descriptor: links, addresses, ethtool
 * settings, page pools, destroyed sockets. Used from the event loop.
 */
#pragma once

#include "link-table.h"
#include "nic.h"
#include "netlink.h"

struct monitor {
	int epoll_fd;
	struct netlink route, genl, diag;
	int udev_fd; /* -EBADF if there is no udev */
	struct netlink ask; /* for the links anew when notifications were lost */
	struct link_table links;
	struct netlink_family ethtool, netdev;
	uint64_t *cookies; /* of the sockets whose end is awaited, once for each who does */
	size_t n_cookies;
};

int monitor_open(struct monitor *ret, const struct netlink_family *ethtool,
		 const struct netlink_family *netdev);
void monitor_done(struct monitor *m);
int monitor_dispatch(struct monitor *m, nic_event_handler handler, void *userdata);
/* From now on the end of this socket is an event, until it was forgotten as often. */
int monitor_await_socket(struct monitor *m, uint64_t cookie);
void monitor_forget_socket(struct monitor *m, uint64_t cookie);

/* Pure: what one message means. False if nothing. */
bool monitor_read_route(const struct nlmsghdr *m, struct nic_event *ret);
bool monitor_read_genl(const struct nlmsghdr *m, uint16_t ethtool, uint16_t netdev,
		       struct nic_event *ret);
bool monitor_read_diag(const struct nlmsghdr *m, struct nic_event *ret);
