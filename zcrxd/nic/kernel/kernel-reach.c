/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nic_ops.reach: which routes lead through an interface, in whatever table, and the way back to whom. Of
 * who is logged in the kernel knows the connections; that one is sshd's it tells by the port, or by the
 * cgroup of who listens there.
 */
#include <assert.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "kernel-nic.h"
#include "link.h"
#include "sockdiag.h"
#include "stack.h"

#define STACK_MAX 256
#define SSH_PORT  22
#define PORTS_MAX 64
#define CONNECTIONS_MAX 4096

/* ------------------------------------------------------------------------------ routes */

struct routes {
	struct reach *reach, before; /* as it was before this dump, which may be begun anew */
};

static int take_route(const struct nlmsghdr *m, void *userdata)
{
	struct routes *routes = userdata;
	struct nlattr *tb[RTA_DST + 1];
	const struct rtmsg *route;
	uint8_t destination[16] = {};
	enum flow_protocol p;
	int r = netlink_parse(m, sizeof(*route), tb, RTA_DST);

	if (r < 0)
		return r;
	route = nlmsg_data(m);
	p = route->rtm_family == AF_INET ? FLOW_TCP4 : FLOW_TCP6;
	if (m->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_UNICAST ||
	    route->rtm_dst_len > flow_address_bits(p))
		return 0;
	if (tb[RTA_DST] && (unsigned)nla_len(tb[RTA_DST]) == flow_address_bits(p) / 8)
		memcpy(destination, nla_data(tb[RTA_DST]), (size_t)nla_len(tb[RTA_DST]));
	else if (route->rtm_dst_len > 0)
		return -EBADMSG;
	reach_add_route(routes->reach, p, destination, route->rtm_dst_len);
	return 0;
}

static void forget_routes(void *userdata)
{
	struct routes *routes = userdata;

	*routes->reach = routes->before;
}

static struct nl_msg *get_routes(int family, unsigned ifindex)
{
	const struct rtmsg info = { .rtm_family = (unsigned char)family };
	_cleanup_nl_msg_ struct nl_msg *m = nlmsg_alloc_simple(RTM_GETROUTE, 0);

	if (!m || nlmsg_append(m, (void *)&info, sizeof(info), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(m, RTA_OIF, ifindex) < 0)
		return NULL;
	return TAKE_PTR(m);
}

/* The kernel filters by device, so that a full routing table stays where it is. */
static int read_routes(struct netlink *route, unsigned ifindex, struct reach *reach)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	_cleanup_free_ struct routes *routes = malloc(sizeof(*routes));

	if (!routes)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r;

		*routes = (struct routes) { .reach = reach, .before = *reach };
		r = netlink_dump(route, get_routes(families[i], ifindex), take_route, forget_routes,
				 routes);
		/* No such table, or no IPv6 at all: no route either. */
		if (r < 0 && r != -ENOENT && r != -EOPNOTSUPP && r != -EAFNOSUPPORT)
			return r;
	}
	return 0;
}

/* ------------------------------------------------------------------------------ logins */

struct logins {
	uint64_t groups[3];
	uint16_t ports[PORTS_MAX]; /* where sshd listens */
	size_t n_ports;
	struct sockdiag_socket *connections;
	size_t n;
};

/* The id of a cgroup is the number of its folder. */
static void find_groups(struct logins *l)
{
	static const char *const units[] = {
		"/sys/fs/cgroup/system.slice/ssh.service",
		"/sys/fs/cgroup/system.slice/sshd.service",
		"/sys/fs/cgroup/system.slice/dropbear.service",
	};
	struct stat st;

	static_assert(ARRAY_SIZE(units) == sizeof(l->groups) / sizeof(*l->groups), "one each");
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		l->groups[i] = stat(units[i], &st) == 0 ? st.st_ino : 0;
}

static void add_port(struct logins *l, uint16_t port)
{
	for (size_t i = 0; i < l->n_ports; i++)
		if (l->ports[i] == port)
			return;
	if (l->n_ports < PORTS_MAX)
		l->ports[l->n_ports++] = port;
}

static int take_listener(const struct sockdiag_socket *s, void *userdata)
{
	struct logins *l = userdata;

	for (size_t i = 0; i < ARRAY_SIZE(l->groups); i++)
		if (s->cgroup != 0 && s->cgroup == l->groups[i])
			add_port(l, s->local_port);
	return 0;
}

static int take_connection(const struct sockdiag_socket *s, void *userdata)
{
	struct logins *l = userdata;
	struct sockdiag_socket *grown;

	if (l->n == CONNECTIONS_MAX)
		return 0;
	grown = reallocarray(l->connections, l->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	l->connections = grown;
	l->connections[l->n++] = *s;
	return 0;
}

static int find_connections(struct logins *l)
{
	_cleanup_(netlink_done) struct netlink diag = {};
	int r = netlink_open(&diag, NETLINK_SOCK_DIAG);

	add_port(l, SSH_PORT);
	find_groups(l);
	if (r >= 0)
		r = sockdiag_dump(&diag, SOCKDIAG_LISTENING, NULL, 0, take_listener, l);
	if (r >= 0)
		r = sockdiag_dump(&diag, 1U << TCP_ESTABLISHED, l->ports, l->n_ports, take_connection, l);
	/* A kernel that does not tell of sockets: then nobody can be asked about. */
	return r == -EPROTONOSUPPORT ? 0 : r;
}

static int take_device(const struct nlmsghdr *m, void *userdata)
{
	struct nlattr *tb[RTA_OIF + 1];
	int r = netlink_parse(m, sizeof(struct rtmsg), tb, RTA_OIF);

	if (r >= 0)
		*(unsigned *)userdata = attr_u32(tb[RTA_OIF], 0);
	return r;
}

static const uint8_t *plain_address(const struct sockdiag_socket *s, const uint8_t *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return s->family == AF_INET6 && memcmp(a, mapped, sizeof(mapped)) == 0 ? a + 12 : a;
}

/* By which device the kernel would send to the peer, as root's socket does; 0 if by none. */
static int look_up(struct netlink *route, enum flow_protocol p, const struct sockdiag_socket *s,
		   unsigned *ret)
{
	const struct rtmsg info = { .rtm_family = p == FLOW_TCP4 ? AF_INET : AF_INET6,
				    .rtm_dst_len = (unsigned char)flow_address_bits(p),
				    .rtm_src_len = (unsigned char)flow_address_bits(p) };
	const int bytes = (int)flow_address_bits(p) / 8;
	_cleanup_nl_msg_ struct nl_msg *m = nlmsg_alloc_simple(RTM_GETROUTE, 0);
	int r;

	*ret = 0;
	if (!m || nlmsg_append(m, (void *)&info, sizeof(info), NLMSG_ALIGNTO) < 0 ||
	    nla_put(m, RTA_DST, bytes, plain_address(s, s->remote)) < 0 ||
	    nla_put(m, RTA_SRC, bytes, plain_address(s, s->local)) < 0 ||
	    nla_put_u32(m, RTA_UID, 0) < 0 ||
	    (s->bound_index > 0 && nla_put_u32(m, RTA_OIF, s->bound_index) < 0))
		return -ENOMEM;
	r = netlink_call(route, TAKE_PTR(m), take_device, ret);
	return r < 0 && route->refused ? 0 : r;
}

static int read_logins(struct netlink *route, const unsigned *stack, size_t n_stack,
		       struct reach *reach)
{
	_cleanup_free_ struct logins *l = calloc(1, sizeof(*l));
	unsigned ifindex;
	int r;

	if (!l)
		return -ENOMEM;
	r = find_connections(l);
	for (size_t i = 0; i < l->n && r >= 0; i++) {
		const struct sockdiag_socket *s = &l->connections[i];
		const uint8_t *remote = plain_address(s, s->remote);
		enum flow_protocol p = s->family == AF_INET || remote != s->remote ? FLOW_TCP4
										   : FLOW_TCP6;

		r = look_up(route, p, s, &ifindex);
		for (size_t k = 0; k < n_stack && r >= 0; k++)
			if (stack[k] == ifindex)
				reach_add_login(reach, p, remote);
	}
	free(l->connections);
	return r;
}

/* -------------------------------------------------------------------------------- both */

static int read_reach(struct kernel_nic *nic, struct reach *reach)
{
	unsigned stack[STACK_MAX];
	struct nic_link *links;
	size_t n_links, n;
	int r = link_list(&nic->route, &links, &n_links);

	if (r < 0)
		return r;
	n = stack_above(links, n_links, nic->nic.ifindex, stack, ARRAY_SIZE(stack));
	nic_links_free(links, n_links);
	for (size_t i = 0; i < n; i++) {
		r = read_routes(&nic->route, stack[i], reach);
		if (r < 0 && (i == 0 || r != -ENODEV)) /* an upper one may go at any time */
			return r;
	}
	return read_logins(&nic->route, stack, n, reach);
}

int kernel_nic_reach(struct nic *base, struct reach *ret, struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	int r = kernel_nic_begin(nic, reterr);

	if (r != 0)
		return r;
	*ret = (struct reach) {};
	r = read_reach(nic, ret);
	return r < 0 ? netlink_fault(&nic->route, r, reterr, "read the routes through the interface",
				     "Try again.")
		     : 0;
}
