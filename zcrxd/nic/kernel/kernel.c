/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * struct nic_backend_ops for the kernel: the machine as seen from the event loop. Every call here
 * is one that no client and no driver can make last; what may, is an operation of a nic or runs in
 * the disposable process (zcrx.c).
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include "area.h"
#include "kernel-nic.h"
#include "kernel.h"
#include "link.h"
#include "monitor.h"
#include "probe.h"
#include "rings.h"
#include "software.h"
#include "sockdiag.h"
#include "sockets.h"
#include "sockfacts.h"
#include "zcrx.h"

struct kernel_backend {
	struct nic_backend backend;
	struct netlink route;
	struct netlink_family ethtool, netdev;
	struct monitor monitor;
	struct kernel_features features;
	uint64_t netns; /* our network namespace's cookie */
	int rings;	/* rings.h */
	struct cookie_count cookies;
};

static struct kernel_backend *kernel_backend(struct nic_backend *b)
{
	return (struct kernel_backend *)b; /* the first member */
}

static const struct kernel_features *kernel_get_features(struct nic_backend *b)
{
	return &kernel_backend(b)->features;
}

static int kernel_links(struct nic_backend *b, struct nic_link **ret, size_t *ret_n)
{
	return link_table_copy(&kernel_backend(b)->monitor.links, ret, ret_n);
}

static int kernel_addresses(struct nic_backend *b, unsigned ifindex, struct local_address **ret,
			    size_t *ret_n)
{
	return link_addresses(&kernel_backend(b)->route, ifindex, ret, ret_n);
}

static int kernel_get_fd(struct nic_backend *b)
{
	return kernel_backend(b)->monitor.epoll_fd;
}

static int kernel_dispatch(struct nic_backend *b, nic_event_handler handler, void *userdata)
{
	return monitor_dispatch(&kernel_backend(b)->monitor, handler, userdata);
}

static int kernel_socket_facts(struct nic_backend *b, int fd, struct socket_facts *ret,
			       struct fault *reterr)
{
	return sockfacts_read(kernel_backend(b)->netns, fd, ret, reterr);
}

static int kernel_await_socket(struct nic_backend *b, uint64_t cookie)
{
	return monitor_await_socket(&kernel_backend(b)->monitor, cookie);
}

static void kernel_forget_socket(struct nic_backend *b, uint64_t cookie)
{
	monitor_forget_socket(&kernel_backend(b)->monitor, cookie);
}

static int kernel_sockets(struct nic_backend *b, struct sockets **ret)
{
	return kernel_sockets_open(&kernel_backend(b)->cookies, ret);
}

static int kernel_check_area(struct nic_backend *b, int fd, uint64_t offset, uint64_t size,
			     bool dmabuf, struct fault *reterr)
{
	return area_check(fd, offset, size, dmabuf, reterr);
}

static int kernel_register_ifq(struct nic_backend *b, const struct ifq_request *request,
			       struct ifq *ret, int *ret_ring, struct fault *reterr)
{
	return zcrx_register(request, ret, ret_ring, reterr);
}

static int kernel_export_ifq(struct nic_backend *b, int ring, uint32_t zcrx_id, int *ret)
{
	return zcrx_export(ring, zcrx_id, ret);
}

static int kernel_wait_for_areas(struct nic_backend *b, const int *exports, size_t n,
				 void (*begin)(void *userdata), void *userdata)
{
	return zcrx_wait_for_areas(exports, n, begin, userdata);
}

static int kernel_kill_client(struct nic_backend *b, int pidfd, uid_t uid)
{
	return zcrx_kill_client(pidfd, uid);
}

static int kernel_guard_sweep(struct nic_backend *base,
			      bool (*is_needed)(unsigned ifindex, void *userdata), void *userdata)
{
	return nft_guard_sweep(is_needed, userdata);
}

static int kernel_rings(struct nic_backend *base, int stored)
{
	struct kernel_backend *b = kernel_backend(base);

	if (stored >= 0) {
		closep(&b->rings);
		b->rings = stored;
	}
	return b->rings;
}

static int kernel_count_rings(struct nic_backend *base, const uint64_t *keys, size_t n, unsigned *ret)
{
	return rings_count(kernel_backend(base)->rings, keys, n, ret);
}

static int kernel_open(struct nic_backend *base, unsigned ifindex, struct nic **ret,
		       struct fault *reterr)
{
	struct kernel_backend *b = kernel_backend(base);

	if (ifindex == SOFTWARE_IFINDEX)
		return software_open(b->rings, &b->features, ret);
	return kernel_nic_open(ifindex, &b->ethtool, &b->netdev, ret, reterr);
}

static struct nic_backend *kernel_free(struct nic_backend *base)
{
	struct kernel_backend *b = kernel_backend(base);

	if (!b)
		return NULL;
	monitor_done(&b->monitor);
	netlink_done(&b->route);
	closep(&b->rings);
	free(b->features.release);
	free(b);
	return NULL;
}

static const struct nic_backend_ops kernel_ops = {
	.features = kernel_get_features,
	.links = kernel_links,
	.addresses = kernel_addresses,
	.get_fd = kernel_get_fd,
	.dispatch = kernel_dispatch,
	.socket_facts = kernel_socket_facts,
	.await_socket = kernel_await_socket,
	.forget_socket = kernel_forget_socket,
	.sockets = kernel_sockets,
	.check_area = kernel_check_area,
	.register_ifq = kernel_register_ifq,
	.kill_client = kernel_kill_client,
	.export_ifq = kernel_export_ifq,
	.wait_for_areas = kernel_wait_for_areas,
	.guard_sweep = kernel_guard_sweep,
	.rings = kernel_rings,
	.count_rings = kernel_count_rings,
	.open = kernel_open,
	.free = kernel_free,
};

static inline void kernel_backendp(struct kernel_backend **b)
{
	if (*b)
		kernel_free(&(*b)->backend);
}

static int resolve_families(struct kernel_backend *b, struct fault *reterr)
{
	_cleanup_(netlink_done) struct netlink genl = {};
	int r = netlink_open(&genl, NETLINK_GENERIC);

	if (r >= 0)
		r = netlink_family_resolve(&genl, "ethtool", "monitor", &b->ethtool);
	if (r == -ENOENT)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "ethtool netlink",
				 "This kernel has no ethtool netlink interface "
				 "(CONFIG_ETHTOOL_NETLINK).");
	if (r >= 0)
		r = netlink_family_resolve(&genl, "netdev", "page-pool", &b->netdev);
	if (r == -ENOENT)
		return fault_set(
			reterr, ZCRX_NOT_SUPPORTED, "netdev netlink",
			"This kernel has no netdev netlink family; zcrxd needs Linux 6.15 or "
			"later.");
	return r;
}

static int prepare(struct kernel_backend *b, struct fault *reterr)
{
	_cleanup_(netlink_done) struct netlink diag = {};
	int r = resolve_families(b, reterr);

	if (r != 0)
		return r;
	r = netlink_open(&b->route, NETLINK_ROUTE);
	if (r >= 0)
		r = netlink_open(&diag, NETLINK_SOCK_DIAG);
	if (r >= 0)
		r = sockfacts_netns(netlink_fd(&diag), &b->netns);
	if (r >= 0)
		r = sockdiag_probe(&diag);
	/* Nobody would tell when the socket behind a rule is closed: rules would outlive it. */
	if (r == -EPROTONOSUPPORT)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "tcp_diag",
				 "The kernel cannot describe TCP sockets, which proves who owns a "
				 "flow. Load its module (modprobe tcp_diag).");
	if (r >= 0)
		r = monitor_open(&b->monitor, &b->ethtool, &b->netdev);
	if (r >= 0)
		r = probe_kernel(&b->route, &b->netdev, &b->features);
	return r;
}

int kernel_backend_new(struct nic_backend **ret, struct fault *reterr)
{
	_cleanup_(kernel_backendp) struct kernel_backend *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->backend.ops = &kernel_ops;
	pthread_mutex_init(&b->cookies.lock, NULL);
	b->monitor.epoll_fd = -EBADF;
	b->rings = epoll_create1(EPOLL_CLOEXEC);
	r = b->rings < 0 ? -errno : prepare(b, reterr);
	if (r != 0)
		return r;
	*ret = &TAKE_PTR(b)->backend;
	return 0;
}
