/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the NAPI of a queue is polled: nic_ops.napi_get and napi_set.
 */
#include "kernel-nic.h"
#include "netdev.h"
#include "uapi.h"

static int count_queues(const struct nlmsghdr *m, void *n)
{
	++*(size_t *)n;
	return 0;
}

int kernel_nic_read_queues(struct kernel_nic *nic, struct netdev_queues *ret)
{
	struct netdev_queues all = {};
	int r = netlink_dump(&nic->genl, netdev_dump_queues(&nic->netdev, nic->nic.ifindex),
			     count_queues, NULL, &all.n);

	if (r < 0)
		return r;
	all.queues = calloc(all.n + 1, sizeof(*all.queues));
	if (!all.queues)
		return -ENOMEM;
	r = netlink_dump(&nic->genl, netdev_dump_queues(&nic->netdev, nic->nic.ifindex),
			 netdev_read_queue, NULL, &all);
	if (r < 0) {
		free(all.queues);
		return r;
	}
	*ret = all;
	return 0;
}

static int fault_of(struct kernel_nic *nic, int r, const char *verb, uint32_t queue,
		    struct fault *reterr)
{
	_cleanup_free_ char *operation = NULL;

	if (asprintf(&operation, "%s the polling of queue %u of %s", verb, queue, nic->name) < 0) {
		operation = NULL;
		return -ENOMEM;
	}
	if (r == -ENODEV)
		return kernel_nic_absent(nic, operation, reterr);
	return netlink_fault(&nic->genl, r, reterr, operation, "%s",
			     r == -ERANGE || r == -EINVAL ? "The kernel does not take this value." : "");
}

/* The id of the NAPI that serves this receive queue and no other one. */
static int find_napi(struct kernel_nic *nic, uint32_t queue, uint32_t *ret, struct fault *reterr)
{
	_cleanup_free_ struct nic_queue *queues = NULL;
	struct netdev_queues all = {};
	int r;

	if (!netlink_family_has(&nic->netdev, UAPI_NETDEV_CMD_NAPI_SET))
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "napi-set",
				 "This kernel cannot set how a single queue is polled; Linux 6.13 and "
				 "later can.");
	r = kernel_nic_read_queues(nic, &all);
	queues = all.queues;
	if (r < 0)
		return fault_of(nic, r, "find", queue, reterr);
	if (all.n == 0)
		return fault_set(reterr, ZCRX_INTERFACE_DOWN, nic->name,
				 "Interface %s is down, and its queues are not polled then. Bring it up "
				 "(ip link set %s up).", nic->name, nic->name);
	if (queue >= all.n || queues[queue].napi_id == 0)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "napi",
				 "The driver of %s does not tell which NAPI serves queue %u.", nic->name,
				 queue);
	for (size_t i = 0; i < all.n; i++)
		if (i != queue && queues[i].napi_id == queues[queue].napi_id)
			return fault_set(reterr, ZCRX_NOT_SUPPORTED, "napi",
					 "Queues %u and %zu of %s are polled together: what is set for one "
					 "is set for the other, which is not this lease's.",
					 queue, i, nic->name);
	*ret = queues[queue].napi_id;
	return 0;
}

int kernel_nic_napi_get(struct nic *base, uint32_t queue, struct napi_settings *ret,
			struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	struct nic_queue q = {};
	struct netdev_queues one = { &q, 1 };
	int r = kernel_nic_begin(nic, reterr);

	if (r == 0)
		r = find_napi(nic, queue, &q.napi_id, reterr);
	if (r != 0)
		return r;
	r = netlink_call(&nic->genl, netdev_get_napi(&nic->netdev, q.napi_id), netdev_read_napi, &one);
	if (r < 0)
		return fault_of(nic, r, "read", queue, reterr);
	if (!q.has_napi)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "napi",
				 "This kernel does not tell how queue %u of %s is polled.", queue,
				 nic->name);
	*ret = q.napi;
	return 0;
}

int kernel_nic_napi_set(struct nic *base, uint32_t queue, const struct napi_settings *settings,
			unsigned which, struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	uint32_t napi_id = 0;
	int r = kernel_nic_begin(nic, reterr);

	if (r == 0)
		r = find_napi(nic, queue, &napi_id, reterr);
	if (r != 0)
		return r;
	r = netlink_call(&nic->genl, netdev_set_napi(&nic->netdev, napi_id, settings, which), NULL,
			 NULL);
	return r < 0 ? fault_of(nic, r, "set", queue, reterr) : 0;
}
