/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel operations by themselves, as a root program without zcrxd would do them on its own
 * ring: nothing is checked, read back or undone. The least that a lease can take.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/netdev.h>
#include <linux/rtnetlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "bench.h"
#include "ethioctl.h"
#include "macro.h"
#include "uapi.h"

#define DEVICE "zcrx-bench" /* the netkit device */

static struct nl_sock *route, *genl;
static int family;
static int ioctl_fd = -EBADF;
static uint32_t leased_queue; /* as the netkit device counts it */
static uint32_t location;     /* of the rule */

static void bare_close(void)
{
	nl_socket_free(route);
	nl_socket_free(genl);
	closep(&ioctl_fd);
}

static int bare_open(const struct target *t)
{
	int r;

	route = nl_socket_alloc();
	genl = nl_socket_alloc();
	ioctl_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r = route && genl && ioctl_fd >= 0 ? nl_connect(route, NETLINK_ROUTE) : -NLE_NOMEM;
	if (r >= 0)
		r = genl_connect(genl);
	if (r >= 0)
		r = family = genl_ctrl_resolve(genl, NETDEV_FAMILY_NAME);
	if (r < 0)
		fprintf(stderr, "zcrx-bench: Cannot open netlink: %s\n", nl_geterror(r));
	return r < 0 ? -EIO : 0;
}

static int take_queue(struct nl_msg *m, void *userdata)
{
	struct nlattr *id = genlmsg_attrdata(nlmsg_data(nlmsg_hdr(m)), 0);

	if (nla_type(id) == NETDEV_A_QUEUE_ID)
		*(uint32_t *)userdata = nla_get_u32(id);
	return NL_OK;
}

static int create_netkit(void)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct nl_msg *m = nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data;

	if (!m)
		return -NLE_NOMEM;
	nlmsg_append(m, &header, sizeof(header), NLMSG_ALIGNTO);
	nla_put_string(m, IFLA_IFNAME, DEVICE);
	nla_put_u32(m, IFLA_NUM_RX_QUEUES, 2);
	info = nla_nest_start(m, IFLA_LINKINFO);
	nla_put_string(m, IFLA_INFO_KIND, "netkit");
	data = nla_nest_start(m, IFLA_INFO_DATA);
	nla_put_u32(m, UAPI_IFLA_NETKIT_PAIRING, UAPI_NETKIT_DEVICE_SINGLE);
	nla_nest_end(m, data);
	nla_nest_end(m, info);
	return nl_send_sync(route, m);
}

static int lease_queue(const struct target *t)
{
	struct nl_msg *m = nlmsg_alloc();
	struct nlattr *lease, *queue;
	int r;

	if (!m)
		return -NLE_NOMEM;
	genlmsg_put(m, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0, UAPI_NETDEV_CMD_QUEUE_CREATE,
		    NETDEV_FAMILY_VERSION);
	nla_put_u32(m, NETDEV_A_QUEUE_IFINDEX, if_nametoindex(DEVICE));
	nla_put_u32(m, NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX);
	lease = nla_nest_start(m, UAPI_NETDEV_A_QUEUE_LEASE);
	nla_put_u32(m, UAPI_NETDEV_A_LEASE_IFINDEX, if_nametoindex(t->interface));
	queue = nla_nest_start(m, UAPI_NETDEV_A_LEASE_QUEUE);
	nla_put_u32(m, NETDEV_A_QUEUE_ID, t->bare_queue);
	nla_put_u32(m, NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX);
	nla_nest_end(m, queue);
	nla_nest_end(m, lease);
	nl_socket_modify_cb(genl, NL_CB_VALID, NL_CB_CUSTOM, take_queue, &leased_queue);
	r = nl_send_auto(genl, m);
	nlmsg_free(m);
	if (r >= 0)
		r = nl_recvmsgs_default(genl); /* the answer, and then the acknowledgement */
	return r < 0 ? r : nl_wait_for_ack(genl);
}

static int acquire(const struct target *t)
{
	int r = create_netkit();

	if (r >= 0)
		r = lease_queue(t);
	if (r < 0)
		fprintf(stderr, "zcrx-bench: Cannot lease the queue: %s\n", nl_geterror(r));
	return r < 0 ? -EIO : 0;
}

static int register_queue(struct client *c, const char *interface, uint32_t number)
{
	struct uapi_zcrx_area_reg area = { .len = AREA_SIZE };
	struct uapi_region_desc region = { .size = 8192 };
	struct uapi_zcrx_ifq_reg reg = {
		.if_idx = if_nametoindex(interface),
		.if_rxq = number,
		.rq_entries = REFILL_ENTRIES,
		.area_ptr = (uintptr_t)&area,
		.region_ptr = (uintptr_t)&region,
	};
	void *p = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, c->area_fd, 0);
	int r;

	if (p == MAP_FAILED)
		return failed(-errno, "map the area");
	area.addr = (uintptr_t)p;
	r = (int)syscall(SYS_io_uring_register, c->ring.ring_fd, UAPI_IORING_REGISTER_ZCRX_IFQ,
			 &reg, 1) < 0
		    ? -errno
		    : 0;
	munmap(p, AREA_SIZE);
	return r < 0 ? failed(r, "register an interface queue") : 0;
}

static int insert_rule(const struct target *t, const struct client *c)
{
	const struct ethtool_device device = { ioctl_fd, if_nametoindex(t->interface),
					       t->interface };
	struct ethtool_rxnfc nfc = {
		.cmd = ETHTOOL_SRXCLSRLINS,
		.fs = {
			.flow_type = TCP_V4_FLOW,
			.h_u.tcp_ip4_spec.pdst = htons(c->port),
			.m_u.tcp_ip4_spec.pdst = 0xffff,
			.m_u.tcp_ip4_spec.ip4dst = 0xffffffff,
			.ring_cookie = t->bare_queue,
			.location = RX_CLS_LOC_ANY,
		},
	};
	int r;

	inet_pton(AF_INET, t->address, &nfc.fs.h_u.tcp_ip4_spec.ip4dst);
	r = ethtool_ioctl(&device, &nfc, NULL);
	location = nfc.fs.location;
	return r < 0 ? failed(r, "insert a rule") : 0;
}

int bare_delete_device(void)
{
	struct ifinfomsg header = { .ifi_index = (int)if_nametoindex(DEVICE) };
	struct nl_msg *m = nlmsg_alloc_simple(RTM_DELLINK, 0);
	int r;

	if (!m)
		return -ENOMEM;
	nlmsg_append(m, &header, sizeof(header), NLMSG_ALIGNTO);
	r = nl_send_sync(route, m);
	if (r < 0)
		fprintf(stderr, "zcrx-bench: Cannot delete " DEVICE ": %s\n", nl_geterror(r));
	return r < 0 ? -EIO : 0;
}

static int release(const struct target *t)
{
	const struct ethtool_device device = { ioctl_fd, if_nametoindex(t->interface),
					       t->interface };
	struct ethtool_rxnfc nfc = { .cmd = ETHTOOL_SRXCLSRLDEL, .fs.location = location };
	int r;

	r = ethtool_ioctl(&device, &nfc, NULL);
	return r < 0 ? failed(r, "delete the rule") : bare_delete_device();
}

static int bare_step(const struct target *t, struct client *c, enum step step)
{
	switch (step) {
	case STEP_ACQUIRE:
		return acquire(t);
	case STEP_REGISTER:
		return register_queue(c, DEVICE, leased_queue);
	case STEP_ADD_FLOW:
		return insert_rule(t, c);
	case STEP_RELEASE:
		return release(t);
	case _STEP_MAX:
		break;
	}
	return -EINVAL;
}

int bare_hold(const struct target *t, struct client *c)
{
	return register_queue(c, t->interface, t->bare_queue);
}

int bare_hold_leased(const struct target *t, struct client *c)
{
	int r;

	r = acquire(t);
	return r < 0 ? r : register_queue(c, DEVICE, leased_queue);
}

static int see_holder(struct nl_msg *m, void *userdata)
{
	struct genlmsghdr *header = nlmsg_data(nlmsg_hdr(m));

	*(bool *)userdata = !!nla_find(genlmsg_attrdata(header, 0), genlmsg_attrlen(header, 0),
				       UAPI_NETDEV_A_QUEUE_IO_URING);
	return NL_OK;
}

int bare_probe(const struct target *t, uint64_t usec)
{
	struct nl_msg *m = nlmsg_alloc();
	bool held = true;
	int r;

	if (!m)
		return -ENOMEM;
	genlmsg_put(m, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0, NETDEV_CMD_QUEUE_GET,
		    NETDEV_FAMILY_VERSION);
	nla_put_u32(m, NETDEV_A_QUEUE_IFINDEX, if_nametoindex(t->interface));
	nla_put_u32(m, NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX);
	nla_put_u32(m, NETDEV_A_QUEUE_ID, t->bare_queue);
	nl_socket_modify_cb(genl, NL_CB_VALID, NL_CB_CUSTOM, see_holder, &held);
	r = nl_send_auto(genl, m);
	nlmsg_free(m);
	if (r >= 0)
		r = nl_recvmsgs_default(genl);
	if (r >= 0)
		r = nl_wait_for_ack(genl);
	if (r < 0) {
		fprintf(stderr, "zcrx-bench: Cannot look at the queue: %s\n", nl_geterror(r));
		return -EIO;
	}
	if (!held)
		return 0;
	usleep((useconds_t)usec);
	return -EBUSY;
}

const struct contender contender_bare = {
	.name = "bare",
	.open = bare_open,
	.step = bare_step,
	.close = bare_close,
};
