/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's multicast groups as events; see monitor.h. Knows nothing of who caused them.
 */
#include <linux/if_addr.h>
#include <linux/netdev.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "ethnl.h"
#include "lease.h"
#include "link.h"
#include "monitor.h"
#include "netdev.h"
#include "sockdiag.h"
#include "udev.h"

/* A flood on one socket must not keep the event loop: the rest is read in the next round. */
#define DATAGRAMS_PER_ROUND 64

/* The kernel says the same of a device that goes and of one that goes elsewhere, but for where to. */
static bool is_moved(const struct nlmsghdr *m)
{
	struct nlattr *tb[IFLA_NEW_IFINDEX + 1];

	return m->nlmsg_type == RTM_DELLINK &&
	       netlink_parse(m, sizeof(struct ifinfomsg), tb, IFLA_NEW_IFINDEX) >= 0 &&
	       (tb[IFLA_NEW_NETNSID] || tb[IFLA_NEW_IFINDEX]);
}

static uint32_t lease_of(const struct nlmsghdr *m)
{
	struct nic_link link;
	uint32_t id;

	return m->nlmsg_type == RTM_DELLINK && link_read(m, &link) >= 0 &&
		       lease_id_from_device(link.name, &id) >= 0 ? id : 0;
}

bool monitor_read_route(const struct nlmsghdr *m, struct nic_event *ret)
{
	const struct ifinfomsg *link = nlmsg_data(m);
	const struct ifaddrmsg *address = nlmsg_data(m);

	switch (m->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		/* Other families' messages are about ports of bridges and the like. */
		if ((size_t)nlmsg_datalen(m) < sizeof(*link) || link->ifi_family != AF_UNSPEC ||
		    link->ifi_index <= 0)
			return false;
		*ret = (struct nic_event) {
			.type = m->nlmsg_type == RTM_NEWLINK ? NIC_EVENT_LINK : NIC_EVENT_LINK_GONE,
			.ifindex = (unsigned)link->ifi_index,
			.moved = is_moved(m),
			.lease = lease_of(m),
		};
		return true;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if ((size_t)nlmsg_datalen(m) < sizeof(*address))
			return false;
		*ret = (struct nic_event) { .type = NIC_EVENT_ADDRESSES,
					    .ifindex = address->ifa_index };
		return true;
	default:
		return false;
	}
}

bool monitor_read_genl(const struct nlmsghdr *m, uint16_t ethtool, uint16_t netdev,
		       struct nic_event *ret)
{
	struct nic_event event = {};

	if (m->nlmsg_type == ethtool)
		event = (struct nic_event) { .type = NIC_EVENT_SETTINGS,
					     .ifindex = ethnl_read_ifindex(m) };
	else if (m->nlmsg_type == netdev)
		event = (struct nic_event) { .type = NIC_EVENT_PAGE_POOL,
					     .ifindex = netdev_read_ifindex(m) };
	if (event.ifindex == 0)
		return false;
	*ret = event;
	return true;
}

bool monitor_read_diag(const struct nlmsghdr *m, struct nic_event *ret)
{
	struct sockdiag_socket s;

	if (sockdiag_read(m, &s) < 0)
		return false;
	*ret = (struct nic_event) { .type = NIC_EVENT_SOCKET_GONE, .cookie = s.cookie };
	return true;
}

static int join(struct netlink *nl, int epoll_fd, const int *groups, size_t n)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = nl };
	int r = netlink_make_listener(nl);

	for (size_t i = 0; i < n && r >= 0; i++) {
		errno = 0;
		if (groups[i] > 0 && nl_socket_add_membership(nl->socket, groups[i]) < 0)
			r = errno ? -errno : -EIO;
	}
	if (r >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, netlink_fd(nl), &event) < 0)
		r = -errno;
	return r;
}

/* Without it no entry of the configuration matches by path, and all others do. */
static int join_udev(struct monitor *m)
{
	struct epoll_event event = { .events = EPOLLIN };
	int r = udev_watch(&m->udev_fd);

	if (r == -ENOENT)
		return 0;
	if (r >= 0 && epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, m->udev_fd, &event) < 0)
		r = -errno;
	return r;
}

static int join_all(struct monitor *m)
{
	const int route[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR };
	const int genl[] = { (int)m->ethtool.group, (int)m->netdev.group };
	const int diag[] = { SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY };
	int r;

	r = netlink_open(&m->route, NETLINK_ROUTE);
	if (r >= 0)
		r = netlink_open(&m->genl, NETLINK_GENERIC);
	if (r >= 0)
		r = netlink_open(&m->diag, NETLINK_SOCK_DIAG);
	/* Before the group is joined: not one wake-up for strangers' sockets. */
	if (r >= 0)
		r = sockdiag_filter(netlink_fd(&m->diag), NULL, 0);
	if (r >= 0)
		r = join(&m->route, m->epoll_fd, route, ARRAY_SIZE(route));
	if (r >= 0)
		r = join(&m->genl, m->epoll_fd, genl, ARRAY_SIZE(genl));
	if (r >= 0)
		r = join(&m->diag, m->epoll_fd, diag, ARRAY_SIZE(diag));
	if (r >= 0)
		r = join_udev(m);
	if (r >= 0)
		r = netlink_open(&m->ask, NETLINK_ROUTE);
	if (r >= 0) /* after the group was joined: no link falls between */
		r = link_table_fill(&m->links, &m->ask);
	return r;
}

int monitor_open(struct monitor *ret, const struct netlink_family *ethtool,
		 const struct netlink_family *netdev)
{
	int r;

	*ret = (struct monitor) { .ethtool = *ethtool, .netdev = *netdev, .udev_fd = -EBADF };
	ret->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (ret->epoll_fd < 0)
		return -errno;
	r = join_all(ret); /* in place: epoll holds addresses of members */
	if (r < 0)
		monitor_done(ret);
	return r;
}

void monitor_done(struct monitor *m)
{
	netlink_done(&m->route);
	netlink_done(&m->genl);
	netlink_done(&m->diag);
	netlink_done(&m->ask);
	link_table_done(&m->links);
	free(m->cookies);
	closep(&m->udev_fd);
	closep(&m->epoll_fd);
	*m = (struct monitor) { .epoll_fd = -EBADF, .udev_fd = -EBADF };
}

static bool monitor_awaits(const struct monitor *m, uint64_t cookie)
{
	for (size_t i = 0; i < m->n_cookies; i++)
		if (m->cookies[i] == cookie)
			return true;
	return false;
}

int monitor_await_socket(struct monitor *m, uint64_t cookie)
{
	const bool known = monitor_awaits(m, cookie);
	uint64_t *cookies;
	int r;

	cookies = reallocarray(m->cookies, m->n_cookies + 1, sizeof(*cookies));
	if (!cookies)
		return -ENOMEM;
	m->cookies = cookies;
	m->cookies[m->n_cookies++] = cookie;
	r = known ? 0 : sockdiag_filter(netlink_fd(&m->diag), m->cookies, m->n_cookies);
	if (r < 0)
		m->n_cookies--;
	return r;
}

void monitor_forget_socket(struct monitor *m, uint64_t cookie)
{
	for (size_t i = 0; i < m->n_cookies; i++) {
		if (m->cookies[i] != cookie)
			continue;
		m->cookies[i] = m->cookies[--m->n_cookies];
		/* An old filter only lets through more, which the next one ends: a program is compiled each
		 * time. One that lets everything through goes as soon as there is room. */
		if (m->n_cookies == SOCKDIAG_FILTER_MAX)
			(void)sockdiag_filter(netlink_fd(&m->diag), m->cookies, m->n_cookies);
		return;
	}
}

/* Devices of leases come and go with them, are nobody's to configure, and would have all links looked at
 * each time. That one is gone is told all the same. */
static bool is_of_a_lease(const struct monitor *m, const struct nic_event *event)
{
	for (size_t i = 0; event->type == NIC_EVENT_LINK && i < m->links.n; i++)
		if (m->links.links[i].ifindex == event->ifindex)
			return link_is_lease(&m->links.links[i]);
	return false;
}

static int take(struct monitor *m, const struct netlink *from, const struct nlmsghdr *h,
		nic_event_handler handler, void *userdata)
{
	struct nic_event event;
	int r = 0;

	if (from == &m->route) {
		/* The table first: the handler will look at it. */
		r = link_table_update(&m->links, h);
		if (monitor_read_route(h, &event) && !is_of_a_lease(m, &event))
			handler(&event, userdata);
	} else if (from == &m->genl) {
		if (monitor_read_genl(h, m->ethtool.id, m->netdev.id, &event))
			handler(&event, userdata);
	} else if (monitor_read_diag(h, &event))
		handler(&event, userdata);
	return r;
}

static int overrun(struct monitor *m, const struct netlink *from, nic_event_handler handler,
		   void *userdata)
{
	const struct nic_event event = { .type = NIC_EVENT_OVERRUN };
	int r = from == &m->route ? link_table_fill(&m->links, &m->ask) : 0;

	handler(&event, userdata);
	return r;
}

static int drain(struct monitor *m, struct netlink *nl, nic_event_handler handler, void *userdata)
{
	size_t n;
	int r, rem;

	for (unsigned i = 0; i < DATAGRAMS_PER_ROUND; i++) {
		r = netlink_receive(nl, MSG_DONTWAIT, &n);
		if (r == -EAGAIN)
			return 0;
		rem = r >= 0 ? (int)n : 0;
		if (r == -ENOBUFS)
			r = overrun(m, nl, handler, userdata);
		for (struct nlmsghdr *h = nl->buffer; r >= 0 && nlmsg_ok(h, rem);
		     h = nlmsg_next(h, &rem))
			r = take(m, nl, h, handler, userdata);
		if (r < 0)
			return r;
	}
	return 0;
}

struct listener {
	struct monitor *monitor;
	nic_event_handler handler;
	void *userdata;
};

static void on_udev(unsigned ifindex, void *userdata)
{
	const struct nic_event event = { .type = NIC_EVENT_LINK, .ifindex = ifindex };
	const struct listener *to = userdata;

	if (!is_of_a_lease(to->monitor, &event))
		to->handler(&event, to->userdata);
}

static void drain_udev(struct monitor *m, nic_event_handler handler, void *userdata)
{
	const struct nic_event lost = { .type = NIC_EVENT_OVERRUN };
	struct listener to = { .monitor = m, .handler = handler, .userdata = userdata };

	if (m->udev_fd >= 0 && udev_watch_read(m->udev_fd, on_udev, &to) < 0)
		handler(&lost, userdata);
}

int monitor_dispatch(struct monitor *m, nic_event_handler handler, void *userdata)
{
	struct netlink *all[] = { &m->route, &m->genl, &m->diag };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		r = drain(m, all[i], handler, userdata);
		if (r < 0)
			return r;
	}
	drain_udev(m, handler, userdata);
	return 0;
}
