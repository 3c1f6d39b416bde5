/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * struct nic_ops for the kernel: opening, queues, grants and rules. Observing and applying are in
 * files of their own.
 */
#include <assert.h>
#include <fcntl.h>
#include <linux/ethtool_netlink.h>
#include <sys/socket.h>

#include "kernel-nic.h"
#include "link.h"
#include "netdev.h"
#include "netkit.h"
#include "rxnfc.h"

int kernel_device_absent(const struct ethtool_device *d, const char *operation, struct fault *reterr)
{
	if (!ethtool_is_gone(d))
		return nic_detached(d->name, operation, reterr);
	return fault_set(reterr, ZCRX_NO_SUCH_INTERFACE, d->name, "Interface %s (index %u) is gone.",
			 d->name[0] ? d->name : "?", d->ifindex);
}

int kernel_nic_absent(const struct kernel_nic *nic, const char *operation, struct fault *reterr)
{
	const struct ethtool_device device = kernel_nic_device(nic);

	return kernel_device_absent(&device, operation, reterr);
}

int kernel_nic_check_present(const struct kernel_nic *nic, const char *operation, struct fault *reterr)
{
	const struct ethtool_device device = kernel_nic_device(nic);
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS }; /* which the driver is not asked for */

	return ethtool_repeat(&device, &flags, sizeof(flags)) == -ENODEV ?
		       kernel_nic_absent(nic, operation, reterr) : 0;
}

int kernel_nic_begin(struct kernel_nic *nic, struct fault *reterr)
{
	char name[IFNAMSIZ];

	if (!if_indextoname(nic->nic.ifindex, name))
		return errno == ENXIO || errno == ENODEV ? kernel_nic_absent(nic, "find it", reterr) : -errno;
	memcpy(nic->name, name, sizeof(name));
	return 0;
}

int kernel_nic_read(struct kernel_nic *nic, uint8_t command, netlink_handler reader, void *ret)
{
	return netlink_call(&nic->genl, ethnl_request(&nic->ethtool, command, nic->nic.ifindex),
			    reader, ret);
}

static bool is_lost(const struct kernel_nic *nic, uint32_t context)
{
	for (size_t i = 0; i < nic->n_lost_contexts; i++)
		if (nic->lost_contexts[i] == context)
			return true;
	return false;
}

static void drop_lost_contexts(const struct kernel_nic *nic, struct ethnl_rss *rss)
{
	size_t n = 0;

	for (size_t i = 0; i < rss->n; i++)
		if (is_lost(nic, rss->tables[i].context))
			free(rss->tables[i].entries);
		else
			rss->tables[n++] = rss->tables[i];
	rss->n = n;
}

int kernel_nic_read_rss(struct kernel_nic *nic, struct ethnl_rss *ret)
{
	struct ethnl_rss rss = { .ifindex = nic->nic.ifindex };
	int r = netlink_dump(&nic->genl,
			     ethnl_request(&nic->ethtool, ETHTOOL_MSG_RSS_GET, nic->nic.ifindex),
			     ethnl_read_rss, ethnl_rss_reset, &rss);

	if (r < 0) {
		ethnl_rss_reset(&rss);
		return r;
	}
	drop_lost_contexts(nic, &rss);
	*ret = rss;
	return 0;
}

static int kernel_nic_bring_up(struct nic *base, struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	_cleanup_free_ char *operation = NULL;
	int r = kernel_nic_begin(nic, reterr);

	if (r == 0)
		r = link_bring_up(&nic->route, base->ifindex);
	if (r >= 0)
		return r;
	if (asprintf(&operation, "bring up %s", nic->name) < 0) {
		operation = NULL;
		return -ENOMEM;
	}
	if (r == -ENODEV)
		return kernel_nic_absent(nic, operation, reterr);
	return netlink_fault(&nic->route, r, reterr, operation, "The kernel's log (dmesg) may tell why.");
}

static int read_queue(struct kernel_nic *nic, uint32_t id, struct nic_queue *ret,
		      struct fault *reterr)
{
	_cleanup_free_ char *operation = NULL;
	_cleanup_free_ struct nic_queue *all = calloc((size_t)id + 1, sizeof(*all));
	struct netdev_queues queues = { .queues = all, .n = (size_t)id + 1 };
	int r;

	if (!all)
		return -ENOMEM;
	r = netlink_call(&nic->genl, netdev_get_queue(&nic->netdev, nic->nic.ifindex, id),
			 netdev_read_queue, &queues);
	if (r >= 0) {
		*ret = all[id];
		return 0;
	}
	if (r == -ENODEV)
		return kernel_nic_absent(nic, "read a receive queue", reterr);
	if (r == -ENOENT)
		return fault_set(reterr, ZCRX_INTERFACE_DOWN, nic->name,
				 "Interface %s is down, and the kernel tells nothing about its "
				 "queues then. Bring it up (ip link set %s up).",
				 nic->name, nic->name);
	if (asprintf(&operation, "read receive queue %u of %s", id, nic->name) < 0) {
		operation = NULL;
		return -ENOMEM;
	}
	return netlink_fault(&nic->genl, r, reterr, operation, "%s",
			     r == -EINVAL
				     ? "The device has no such queue (any more); zcrxctl apply "
				       "restores its channels."
				     : "");
}

static int kernel_nic_queues(struct nic *base, const uint32_t *queues, size_t n,
			     struct nic_queue *ret, struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	_cleanup_free_ struct nic_queue *read = calloc(n + 1, sizeof(*read));
	int r;

	if (!read)
		return -ENOMEM;
	r = kernel_nic_begin(nic, reterr);
	for (size_t i = 0; i < n && r == 0; i++)
		r = read_queue(nic, queues[i], &read[i], reterr);
	if (r == 0)
		memcpy(ret, read, n * sizeof(*read));
	return r;
}

/* Nothing in the kernel reserves a queue without a netkit device: all there is to do is to look. */
static int grant_direct(struct kernel_nic *nic, const struct grant_request *request,
			struct grant *ret, struct fault *reterr)
{
	struct grant grant = { .kind = GRANT_DIRECT,
			       .ifindex = nic->nic.ifindex,
			       .n_queues = request->n_queues };
	_cleanup_free_ char *operation = NULL, *user = NULL;
	struct nic_queue q;
	int r = 0;

	for (size_t i = 0; i < request->n_queues && r == 0; i++) {
		r = read_queue(nic, request->queues[i], &q, reterr);
		grant.queues[i] = request->queues[i];
		if (r != 0 || !nic_queue_is_used(&q))
			continue;
		user = nic_queue_describe_user(&q);
		if (asprintf(&operation, "take receive queue %u of %s", request->queues[i],
			     nic->name) < 0) {
			operation = NULL;
			return -ENOMEM;
		}
		r = fault_kernel(reterr, EBUSY, NULL, operation,
				 "It is in use by %s.", user ?: "another process");
	}
	if (r == 0)
		*ret = grant;
	return r;
}

static int kernel_nic_grant(struct nic *base, const struct grant_request *request,
			    struct grant *ret, struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	int r = kernel_nic_begin(nic, reterr);

	/* The kernel would say of a detached one that it was removed. */
	if (r == 0)
		r = kernel_nic_check_present(nic, "lease receive queues", reterr);
	if (r != 0)
		return r;
	assert(request->n_queues > 0 && request->n_queues <= LEASE_QUEUES_MAX);
	switch (request->kind) {
	case GRANT_NETKIT:
		return netkit_grant(&nic->route, &nic->genl, &nic->netdev, base->ifindex, nic->name,
				    request, ret, reterr);
	case GRANT_DIRECT:
		return grant_direct(nic, request, ret, reterr);
	case GRANT_SOFTWARE:
	case _GRANT_KIND_MAX:
		break;
	}
	return -EINVAL; /* those are software.c's */
}

static int kernel_nic_ungrant(struct nic *base, const struct grant *grant, struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);

	int r;

	if (grant->kind != GRANT_NETKIT)
		return 0;
	/* The driver could not stop the queue, which the kernel has no answer to but a warning. */
	r = kernel_nic_check_present(nic, "take receive queues back", reterr);
	if (r == ZCRX_KERNEL_REJECTED)
		return r;
	fault_done(reterr);
	/* Also when the NIC is gone: the netkit device may be there for a moment longer. */
	return netkit_ungrant(&nic->route, &nic->genl, &nic->netdev, base->ifindex, grant, reterr);
}

static int kernel_nic_rule_insert(struct nic *base, const struct flow *flow,
				  const struct rule_target *target, size_t held,
				  uint32_t *ret_location, struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	const struct ethtool_device device = kernel_nic_device(nic);
	int r = kernel_nic_begin(nic, reterr);

	return r != 0 ? r
		      : rxnfc_insert(&device, flow, target, held, ret_location, reterr);
}

static int kernel_nic_rule_delete(struct nic *base, uint32_t location, const struct flow *flow,
				  const struct rule_target *target, struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	const struct ethtool_device device = kernel_nic_device(nic);
	int r = kernel_nic_begin(nic, reterr);

	return r != 0 ? r : rxnfc_delete(&device, location, flow, target, reterr);
}

static struct nic *kernel_nic_close(struct nic *base)
{
	struct kernel_nic *nic = kernel_nic(base);
	char name[IFNAMSIZ];

	if (!nic)
		return NULL;
	/* With the interface, its index ends: nobody would know the table again. */
	nft_guard_done(&nic->guard, !if_indextoname(base->ifindex, name) && errno == ENXIO);
	netlink_done(&nic->route);
	netlink_done(&nic->genl);
	closep(&nic->ioctl_fd);
	free(nic->lost_contexts);
	free(nic);
	return NULL;
}

static const struct nic_ops kernel_nic_ops = {
	.observe = kernel_nic_observe,
	.observe_steering = kernel_nic_observe_steering,
	.reach = kernel_nic_reach,
	.apply = kernel_nic_apply,
	.bring_up = kernel_nic_bring_up,
	.queues = kernel_nic_queues,
	.counters = kernel_nic_counters,
	.grant = kernel_nic_grant,
	.ungrant = kernel_nic_ungrant,
	.context_create = kernel_nic_context_create,
	.context_delete = kernel_nic_context_delete,
	.rule_insert = kernel_nic_rule_insert,
	.rule_delete = kernel_nic_rule_delete,
	.guard_set = kernel_nic_guard_set,
	.guard_keep = kernel_nic_guard_keep,
	.napi_get = kernel_nic_napi_get,
	.napi_set = kernel_nic_napi_set,
	.irq_get = kernel_nic_irq_get,
	.irq_set = kernel_nic_irq_set,
	.close = kernel_nic_close,
};

static inline void kernel_nicp(struct kernel_nic **nic)
{
	if (*nic)
		kernel_nic_close(&(*nic)->nic);
}

int kernel_nic_open(unsigned ifindex, const struct netlink_family *ethtool,
		    const struct netlink_family *netdev, struct nic **ret, struct fault *reterr)
{
	_cleanup_(kernel_nicp) struct kernel_nic *nic = calloc(1, sizeof(*nic));
	int r;

	if (!nic)
		return -ENOMEM;
	nic->nic = (struct nic) { .ops = &kernel_nic_ops, .ifindex = ifindex };
	nic->guard.ifindex = ifindex;
	nic->ethtool = *ethtool;
	nic->netdev = *netdev;
	/* SIOCETHTOOL takes a socket of any family; the daemon may open no Internet ones. */
	nic->ioctl_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (nic->ioctl_fd < 0)
		return -errno;
	r = netlink_open(&nic->route, NETLINK_ROUTE);
	if (r >= 0)
		r = netlink_open(&nic->genl, NETLINK_GENERIC);
	if (r >= 0)
		r = kernel_nic_begin(nic, reterr);
	if (r != 0)
		return r;
	*ret = &TAKE_PTR(nic)->nic;
	return 0;
}
