/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See inspect.h.
 */
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/io_uring.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "ethioctl.h"
#include "inspect.h"
#include "kernel-nic.h"
#include "link.h"
#include "probe.h"
#include "sockdiag.h"
#include "uapi.h"

static bool is_privileged(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	return syscall(SYS_capget, &header, data) == 0 && data[0].effective & 1U << CAP_NET_ADMIN;
}

static int try_ring(void)
{
	struct io_uring_params params = {
		.flags = UAPI_IORING_SETUP_R_DISABLED | UAPI_IORING_SETUP_SINGLE_ISSUER |
			 UAPI_IORING_SETUP_DEFER_TASKRUN | UAPI_IORING_SETUP_CQE32,
	};
	_cleanup_close_ int ring = (int)syscall(SYS_io_uring_setup, 2, &params);

	return ring < 0 ? errno : 0;
}

static int resolve(struct netlink *genl, struct netlink_family *ethtool,
		   struct netlink_family *netdev)
{
	int r = netlink_open(genl, NETLINK_GENERIC), t;

	if (r < 0)
		return r;
	r = netlink_family_resolve(genl, "ethtool", "monitor", ethtool);
	t = netlink_family_resolve(genl, "netdev", "page-pool", netdev);
	return r < 0 && r != -ENOENT ? r : t < 0 && t != -ENOENT ? t : 0;
}

static bool probe_tcp_diag(void)
{
	_cleanup_(netlink_done) struct netlink diag = {};

	return netlink_open(&diag, NETLINK_SOCK_DIAG) >= 0 && sockdiag_probe(&diag) >= 0;
}

int inspect_kernel(struct kernel_inspection *ret)
{
	_cleanup_(netlink_done) struct netlink genl = {}, route = {};
	struct netlink_family ethtool = {}, netdev = {};
	struct kernel_inspection k = { .privileged = is_privileged() };
	int r = resolve(&genl, &ethtool, &netdev);

	if (r < 0)
		return r;
	k.has_ethtool = ethtool.id > 0;
	k.has_netdev = netdev.id > 0;
	k.has_tcp_diag = probe_tcp_diag();
	k.ring_error = try_ring();
	k.ring_made = k.ring_error == 0;
	r = netlink_open(&route, NETLINK_ROUTE);
	if (r >= 0)
		r = probe_kernel(&route, &netdev, &k.features);
	if (r < 0)
		return r;
	*ret = k;
	return 0;
}

static void read_driver_info(unsigned ifindex, struct nic_inspection *nic)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ethtool_repeat(&(struct ethtool_device) { fd, ifindex, nic->name }, &info,
				     sizeof(info)) < 0)
		return;
	snprintf(nic->version, sizeof(nic->version), "%.31s", info.version);
	if (!streq(info.fw_version, "N/A")) /* as drivers without any say it */
		snprintf(nic->firmware, sizeof(nic->firmware), "%.31s", info.fw_version);
}

static int open_nic(const struct nic_link *link, struct nic **ret, struct fault *reterr)
{
	_cleanup_(netlink_done) struct netlink genl = {};
	struct netlink_family ethtool = {}, netdev = {};
	int r = resolve(&genl, &ethtool, &netdev);

	if (r < 0)
		return r;
	if (!ethtool.id || !netdev.id)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "netlink",
				 "this kernel does not tell of NICs by netlink");
	return kernel_nic_open(link->ifindex, &ethtool, &netdev, ret, reterr);
}

static int observe(const struct nic_link *link, struct nic_inspection *nic, struct fault *reterr)
{
	struct nic *open;
	int r = open_nic(link, &open, reterr);

	nic->xdp = link->xdp;
	if (r != 0)
		return r;
	r = open->ops->observe(open, &nic->state, reterr);
	open->ops->close(open);
	return r;
}

static int find_under(const struct nic_link *links, size_t n, const struct nic_link *link,
		      struct nic_inspection *nic)
{
	for (size_t i = 0; i < n && nic->n_under < UNDER_MAX; i++) {
		if (links[i].master != link->ifindex && links[i].ifindex != link->below)
			continue;
		nic->under[nic->n_under] = strdup(links[i].name);
		if (!nic->under[nic->n_under])
			return -ENOMEM;
		nic->n_under++;
	}
	return 0;
}

static int look(const struct nic_link *links, size_t n, const struct nic_link *link,
		struct nic_inspection *nic, struct fault *reterr)
{
	_cleanup_fault_ struct fault fault = {};
	int r;

	memcpy(nic->kind, link->kind, sizeof(nic->kind));
	if (stack_receiver(links, n, link, &nic->receiver, &fault) != 0)
		nic->no_receiver = TAKE_PTR(fault.message);
	r = find_under(links, n, link, nic);
	if (r < 0 || nic->n_under > 0 || streq(nic->kind, "bond"))
		return r;
	r = observe(link, nic, reterr);
	if (r == 0)
		read_driver_info(link->ifindex, nic);
	return r;
}

static int inspect(const char *name, struct nic_inspection *nic, struct fault *reterr)
{
	_cleanup_(netlink_done) struct netlink route = {};
	struct nic_link *links = NULL, *link = NULL;
	size_t n = 0;
	int r = netlink_open(&route, NETLINK_ROUTE);

	if (r >= 0)
		r = link_list(&route, &links, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && !link; i++)
		if (nic_link_has_name(&links[i], name))
			link = &links[i];
	r = link ? look(links, n, link, nic, reterr) : -ENODEV;
	nic_links_free(links, n);
	return r;
}

int inspect_nic(const char *name, const struct kernel_inspection *kernel,
		struct nic_inspection *ret)
{
	struct nic_inspection nic = { .name = name, .split_was_asked = kernel->privileged };
	_cleanup_fault_ struct fault fault = {};
	int r = inspect(name, &nic, &fault);

	if (r != 0 && r != -ENOMEM) {
		nic.failure = strdup(fault.message ?: r < 0 ? strerror(-r) : "it cannot be read");
		r = nic.failure ? 0 : -ENOMEM;
	}
	if (r < 0) {
		nic_inspection_done(&nic);
		return r;
	}
	*ret = nic;
	return 0;
}

void nic_inspection_done(struct nic_inspection *nic)
{
	nic_state_free(nic->state);
	for (size_t i = 0; i < nic->n_under; i++)
		free(nic->under[i]);
	free(nic->no_receiver);
	free(nic->failure);
}

int inspect_links(struct nic_link **ret, size_t *ret_n)
{
	_cleanup_(netlink_done) struct netlink route = {};
	struct nic_link *links = NULL;
	size_t n = 0;
	int r = netlink_open(&route, NETLINK_ROUTE);

	if (r >= 0)
		r = link_list(&route, &links, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (link_complete(&links[i]) < 0) {
			nic_links_free(links, n);
			return -ENOMEM;
		}
	*ret = links;
	*ret_n = n;
	return 0;
}

int inspect_default_route(const char *name, bool *ret)
{
	_cleanup_fault_ struct fault fault = {};
	_cleanup_free_ struct reach *reach = calloc(1, sizeof(*reach));
	struct nic_link *links = NULL, *link = NULL;
	struct nic *open;
	size_t n = 0;
	int r = reach ? inspect_links(&links, &n) : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < n && !link; i++)
		if (nic_link_has_name(&links[i], name))
			link = &links[i];
	if (r >= 0)
		r = link ? open_nic(link, &open, &fault) : -ENODEV;
	nic_links_free(links, n);
	if (r != 0)
		return r < 0 ? r : -EOPNOTSUPP;
	r = open->ops->reach(open, reach, &fault);
	open->ops->close(open);
	if (r != 0)
		return r < 0 ? r : -EIO;
	*ret = false;
	for (enum flow_protocol p = 0; p < _FLOW_PROTOCOL_MAX; p++)
		*ret |= reach->default_route[p] || reach_is_wide(reach, p);
	return 0;
}
