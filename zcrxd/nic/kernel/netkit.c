/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Creating and deleting the netkit device of a lease; see netkit.h. Devices that are not zcrxd's
 * are never deleted.
 */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "link.h"
#include "netdev.h"
#include "netkit.h"
#include "uapi.h"

#define KIND "netkit"

static struct nl_msg *link_message(int type, int flags, unsigned ifindex)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	_cleanup_nl_msg_ struct nl_msg *m = nlmsg_alloc_simple(type, flags);

	if (!m || nlmsg_append(m, (void *)&info, sizeof(info), NLMSG_ALIGNTO) < 0)
		return NULL;
	return TAKE_PTR(m);
}

static struct nl_msg *new_link(const char *name, uint32_t rx_queues)
{
	_cleanup_nl_msg_ struct nl_msg *m =
		link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO, 0);
	struct nlattr *info, *data;

	if (!m || nla_put_string(m, IFLA_IFNAME, name) < 0 ||
	    nla_put_u32(m, IFLA_NUM_RX_QUEUES, rx_queues) < 0 ||
	    nla_put_u32(m, IFLA_NUM_TX_QUEUES, 1) < 0)
		return NULL;
	info = nla_nest_start(m, IFLA_LINKINFO);
	if (!info || nla_put_string(m, IFLA_INFO_KIND, KIND) < 0)
		return NULL;
	/* A pair would lend only to its peer, and have one device more to lose. */
	data = nla_nest_start(m, IFLA_INFO_DATA);
	if (!data || nla_put_u32(m, UAPI_IFLA_NETKIT_PAIRING, UAPI_NETKIT_DEVICE_SINGLE) < 0 ||
	    nla_nest_end(m, data) < 0 || nla_nest_end(m, info) < 0)
		return NULL;
	return TAKE_PTR(m);
}

static int take_ifindex(const struct nlmsghdr *m, void *userdata)
{
	struct nic_link link;
	int r = link_read(m, &link);

	if (r < 0)
		return r;
	*(unsigned *)userdata = link.ifindex;
	return 0;
}

static int create_device(struct netlink *route, const struct grant_request *request,
			 unsigned *ret_ifindex, struct fault *reterr)
{
	_cleanup_free_ char *operation = NULL;
	unsigned ifindex = 0;
	/* netkit's own queue 0 can never hold a lease. */
	int r = netlink_call(route, new_link(request->device, (uint32_t)request->n_queues + 1),
			     take_ifindex, &ifindex);

	if (r >= 0 && ifindex == 0)
		ifindex = if_nametoindex(request->device);
	if (r >= 0 && ifindex > 0) {
		*ret_ifindex = ifindex;
		return 0;
	}
	if (r >= 0)
		return -ENODEV;
	if (asprintf(&operation, "create netkit device %s", request->device) < 0) {
		operation = NULL;
		return -ENOMEM;
	}
	return netlink_fault(
		route, r, reterr, operation, "%s",
		r == -EEXIST  ? "A device of this name exists and is not zcrxd's; delete it "
				"(ip link del)."
		: r == -EPERM ? "zcrxd needs CAP_NET_ADMIN in the initial user namespace."
			      : "zcrxd needs a kernel with CONFIG_NETKIT for revocable "
				"leases; without it, set `grants: direct`.");
}

/* Only a label: without it the lease works as well. */
static void label(struct netlink *route, unsigned ifindex, const char *ifname)
{
	_cleanup_nl_msg_ struct nl_msg *m = link_message(RTM_SETLINK, 0, ifindex);
	_cleanup_free_ char *alias = NULL;

	if (!m || asprintf(&alias, LEASE_LABEL "%s", ifname) < 0) {
		alias = NULL;
		return;
	}
	if (nla_put(m, IFLA_IFALIAS, (int)strlen(alias), alias) >= 0)
		(void)netlink_call(route, TAKE_PTR(m), NULL, NULL);
}

static const char *lease_remedy(int error)
{
	switch (error) {
	case EBUSY:
		return "Another program has the queue (AF_XDP, zero-copy receive or a lease); it "
		       "stays unusable until that program ends.";
	case ERANGE:
		return "The device has fewer queues by now; zcrxctl apply restores them.";
	case EPERM:
		return "zcrxd needs CAP_NET_ADMIN in the initial user namespace.";
	case ENODEV:
		return "One of the devices is gone.";
	default:
		return "The driver may lack queue management; zcrxctl check tells.";
	}
}

static int lease_queue(struct netlink *genl, const struct netlink_family *netdev, unsigned lessee,
		       unsigned ifindex, const char *ifname, uint32_t queue, uint32_t *ret,
		       struct fault *reterr)
{
	_cleanup_free_ char *operation = NULL;
	uint32_t id = UINT32_MAX;
	int r = netlink_call(genl, netdev_create_queue(netdev, lessee, ifindex, queue),
			     netdev_read_created, &id);

	if (r >= 0 && id == UINT32_MAX)
		return -EBADMSG;
	if (r >= 0) {
		*ret = id;
		return 0;
	}
	if (asprintf(&operation, "lease receive queue %u of %s", queue, ifname) < 0) {
		operation = NULL;
		return -ENOMEM;
	}
	return netlink_fault(genl, r, reterr, operation, "%s", lease_remedy(-r));
}

static int delete_device(struct netlink *route, unsigned ifindex)
{
	int r = netlink_call(route, link_message(RTM_DELLINK, 0, ifindex), NULL, NULL);

	return r == -ENODEV ? 0 : r;
}

int netkit_grant(struct netlink *route, struct netlink *genl, const struct netlink_family *netdev,
		 unsigned ifindex, const char *ifname, const struct grant_request *request,
		 struct grant *ret, struct fault *reterr)
{
	struct grant grant = { .kind = GRANT_NETKIT, .n_queues = request->n_queues };
	int r = create_device(route, request, &grant.ifindex, reterr);

	if (r != 0)
		return r;
	label(route, grant.ifindex, ifname);
	for (size_t i = 0; i < request->n_queues && r == 0; i++)
		r = lease_queue(genl, netdev, grant.ifindex, ifindex, ifname, request->queues[i],
				&grant.queues[i], reterr);
	if (r != 0) {
		(void)delete_device(route, grant.ifindex);
		return r;
	}
	memcpy(grant.hardware, request->queues, request->n_queues * sizeof(*grant.hardware));
	*ret = grant;
	return 0;
}

static int take_ours(const struct nlmsghdr *m, void *userdata)
{
	struct nic_link link;
	int r = link_read(m, &link);

	if (r < 0)
		return r;
	*(bool *)userdata = link_is_lease(&link);
	return 0;
}

static struct nl_msg *link_message_to(int type, unsigned ifindex, int namespace)
{
	_cleanup_nl_msg_ struct nl_msg *m = link_message(type, 0, ifindex);

	if (!m || nla_put_s32(m, IFLA_TARGET_NETNSID, namespace) < 0)
		return NULL;
	return TAKE_PTR(m);
}

static int delete_fault(struct netlink *route, int r, unsigned ifindex, const char *where,
			struct fault *reterr)
{
	_cleanup_free_ char *operation = NULL;

	if (asprintf(&operation, "delete the netkit device with index %u%s", ifindex, where) < 0) {
		operation = NULL;
		return -ENOMEM;
	}
	return netlink_fault(route, r, reterr, operation,
			     "Its queues stay with their user until it is "
			     "gone: ip link del, or restart the client.");
}

/* Somebody moved it to another network namespace, and the kernel says of the queue where that is. */
static int ungrant_elsewhere(struct netlink *route, const struct nic_queue *q, struct fault *reterr)
{
	bool ours = false;
	int r = netlink_call(route, link_message_to(RTM_GETLINK, q->lease_ifindex, q->lease_namespace),
			     take_ours, &ours);

	if (r == -ENODEV || (r >= 0 && !ours))
		return 0;
	if (r >= 0)
		r = netlink_call(route, link_message_to(RTM_DELLINK, q->lease_ifindex, q->lease_namespace),
				 NULL, NULL);
	return r >= 0 || r == -ENODEV ? 0 :
					delete_fault(route, r, q->lease_ifindex,
						     " in another network namespace, to which it was moved",
						     reterr);
}

/* The kernel's word on one of the grant's own queues; what cannot be read is nobody's. */
static void read_queue(struct netlink *genl, const struct netlink_family *netdev, unsigned ifindex,
		       uint32_t queue, struct nic_queue *ret)
{
	_cleanup_free_ struct nic_queue *all = calloc((size_t)queue + 1, sizeof(*all));
	struct netdev_queues queues = { .queues = all, .n = (size_t)queue + 1 };

	*ret = (struct nic_queue) {};
	if (all && netlink_call(genl, netdev_get_queue(netdev, ifindex, queue), netdev_read_queue,
				&queues) >= 0)
		*ret = all[queue];
}

int netkit_ungrant(struct netlink *route, struct netlink *genl, const struct netlink_family *netdev,
		   unsigned ifindex, const struct grant *grant, struct fault *reterr)
{
	bool ours = false;
	int r = grant->ifindex == 0 ? -ENODEV :
				      netlink_call(route, link_message(RTM_GETLINK, 0, grant->ifindex),
						   take_ours, &ours);

	if (r >= 0 && ours)
		r = delete_device(route, grant->ifindex);
	if (r < 0 && r != -ENODEV)
		return delete_fault(route, r, grant->ifindex, "", reterr);
	if (ours)
		return 0;
	/* Gone; or the index went round and belongs to something else by now. Unless it is elsewhere. */
	r = 0;
	for (size_t i = 0; r == 0 && i < grant->n_queues; i++) {
		struct nic_queue q;

		read_queue(genl, netdev, ifindex, grant->hardware[i], &q);
		if (q.leased && q.lease_elsewhere)
			r = ungrant_elsewhere(route, &q, reterr);
	}
	return r;
}

static bool lacks_queue_management(const struct netlink *genl, int r)
{
	return r == -EINVAL && genl->refused && genl->text && strstr(genl->text, "queue management");
}

/* Leases a queue that no device has: before its number the kernel looks at the driver. */
int netkit_ask(struct netlink *route, struct netlink *genl, const struct netlink_family *netdev,
	       unsigned ifindex, bool *ret_cannot)
{
	char name[IFNAMSIZ];
	unsigned lessee = 0;
	int r;

	snprintf(name, sizeof(name), LEASE_PREFIX "probe%u", ifindex % 100000);
	r = netlink_call(route, new_link(name, 2), take_ifindex, &lessee);
	if (lessee == 0 && (r >= 0 || r == -EEXIST)) /* one that a daemon was killed over, or not told of */
		lessee = if_nametoindex(name);
	if (lessee == 0)
		return r < 0 ? r : -ENODEV;
	r = netlink_call(genl, netdev_create_queue(netdev, lessee, ifindex, UINT32_MAX), NULL, NULL);
	*ret_cannot = lacks_queue_management(genl, r);
	return delete_device(route, lessee);
}

int netkit_probe(struct netlink *route, bool *ret)
{
	/* Too many queues for any device, which is checked after the kind was looked up. */
	int r = netlink_call(route, new_link(LEASE_PREFIX "probe", 1U << 20), NULL, NULL);

	if (r >= 0)
		return -EBADMSG;
	if (!route->refused)
		return r;
	*ret = r != -EOPNOTSUPP;
	return 0;
}
