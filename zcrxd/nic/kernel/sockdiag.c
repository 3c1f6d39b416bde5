/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sock_diag: finding a TCP socket by its cookie, and the filter for the news of their end; see
 * sockdiag.h.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "sockdiag.h"

#define SOCKETS_AT_PORT_MAX 4096

int sockdiag_read(const struct nlmsghdr *m, struct sockdiag_socket *ret)
{
	struct nlattr *tb[INET_DIAG_SKV6ONLY + 1];
	struct inet_diag_msg d;
	int r;

	if (m->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return -EBADMSG;
	r = netlink_parse(m, sizeof(d), tb, INET_DIAG_SKV6ONLY);
	if (r < 0)
		return r;
	memcpy(&d, nlmsg_data(m), sizeof(d));
	*ret = (struct sockdiag_socket) {
		.family = d.idiag_family,
		.state = d.idiag_state,
		.local_port = ntohs(d.id.idiag_sport),
		.remote_port = ntohs(d.id.idiag_dport),
		.v6_only = attr_u32(tb[INET_DIAG_SKV6ONLY], 0),
		.bound_index = d.id.idiag_if,
		.uid = d.idiag_uid,
		.held = d.idiag_inode != 0,
		.cookie = d.id.idiag_cookie[0] | (uint64_t)d.id.idiag_cookie[1] << 32,
	};
	memcpy(ret->local, d.id.idiag_src, d.idiag_family == AF_INET ? 4 : 16);
	memcpy(ret->remote, d.id.idiag_dst, d.idiag_family == AF_INET ? 4 : 16);
	return 0;
}

static struct nl_msg *request(const struct inet_diag_req_v2 *r)
{
	_cleanup_nl_msg_ struct nl_msg *m = nlmsg_alloc_simple(SOCK_DIAG_BY_FAMILY, 0);

	if (!m || nlmsg_append(m, (void *)r, sizeof(*r), NLMSG_ALIGNTO) < 0)
		return NULL;
	return TAKE_PTR(m);
}

/* Port 0: at any. */
static struct nl_msg *dump_request(int family, uint32_t states, uint16_t port)
{
	return request(&(struct inet_diag_req_v2) {
		.sdiag_family = (uint8_t)family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = states,
		.id.idiag_sport = htons(port),
	});
}

struct search {
	uint64_t cookie;
	bool found;
	struct sockdiag_socket socket;
};

static int look_at(const struct nlmsghdr *m, void *userdata)
{
	struct search *s = userdata;
	struct sockdiag_socket socket;
	int r = sockdiag_read(m, &socket);

	if (r < 0)
		return r;
	if (socket.cookie == s->cookie) {
		s->found = true;
		s->socket = socket;
	}
	return 0;
}

int sockdiag_find(struct netlink *diag, int family, uint32_t states, uint64_t cookie,
		  struct sockdiag_socket *ret)
{
	struct search s = { .cookie = cookie };
	int r = netlink_dump(diag, dump_request(family, states, 0), look_at, NULL, &s);

	if (r < 0)
		return diag->refused && r == -ENOENT ? -EPROTONOSUPPORT : r;
	if (!s.found)
		return -ENOENT;
	*ret = s.socket;
	return 0;
}

static int take_receiver(const struct nlmsghdr *m, void *userdata)
{
	return sockdiag_read(m, userdata);
}

int sockdiag_receiver(struct netlink *diag, const struct flow *flow, unsigned ifindex,
		      struct sockdiag_socket *ret)
{
	struct inet_diag_req_v2 r = {
		.sdiag_family = flow->protocol == FLOW_TCP4 ? AF_INET : AF_INET6,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = UINT32_MAX,
		.id = { .idiag_sport = htons(flow->destination_port),
			.idiag_dport = htons(flow->source_port),
			.idiag_if = ifindex,
			.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } },
	};
	struct sockdiag_socket s = {};
	int e;

	memcpy(r.id.idiag_src, flow->destination.bytes, sizeof(flow->destination.bytes));
	memcpy(r.id.idiag_dst, flow->source.bytes, sizeof(flow->source.bytes));
	e = netlink_call(diag, request(&r), take_receiver, &s);
	if (e < 0)
		return e;
	*ret = s;
	return s.family ? 0 : -EBADMSG;
}

struct port_list {
	uint16_t port;
	struct port_socket *sockets;
	size_t n;
};

static bool same(const struct port_socket *a, const struct port_socket *b)
{
	return a->uid == b->uid && a->bound_index == b->bound_index &&
	       a->domain == b->domain && a->v6_only == b->v6_only &&
	       !memcmp(a->local, b->local, sizeof(a->local));
}

/* A busy server has a million connections at a port, which differ in their peers only. */
static int take_at_port(const struct nlmsghdr *m, void *userdata)
{
	struct port_list *all = userdata;
	struct sockdiag_socket s;
	struct port_socket one, *sockets;
	int r = sockdiag_read(m, &s);

	if (r < 0)
		return r;
	if (s.local_port != all->port || !s.held)
		return 0;
	one = (struct port_socket) { .domain = s.family,
				     .v6_only = s.v6_only,
				     .bound_index = s.bound_index,
				     .uid = s.uid };
	memcpy(one.local, s.local, sizeof(one.local));
	for (size_t i = 0; i < all->n; i++)
		if (same(&all->sockets[i], &one))
			return 0;
	if (all->n >= SOCKETS_AT_PORT_MAX)
		return -E2BIG;
	sockets = reallocarray(all->sockets, all->n + 1, sizeof(*sockets));
	if (!sockets)
		return -ENOMEM;
	all->sockets = sockets;
	all->sockets[all->n++] = one;
	return 0;
}

int sockdiag_at_port(struct netlink *diag, uint16_t port, struct port_socket **ret, size_t *ret_n)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct port_list all = { .port = port };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && r >= 0; i++)
		r = netlink_dump(
			diag,
			dump_request(families[i],
				     SOCKDIAG_LISTENING | SOCKDIAG_CONNECTED | SOCKDIAG_BOUND,
				     port),
			take_at_port, NULL, &all);
	if (r < 0) {
		free(all.sockets);
		return r;
	}
	*ret = all.sockets;
	*ret_n = all.n;
	return 0;
}

int sockdiag_probe(struct netlink *diag)
{
	struct sockdiag_socket s;
	int r = sockdiag_find(diag, AF_INET, SOCKDIAG_LISTENING, 0, &s);

	return r == -ENOENT ? 0 : r;
}

int sockdiag_filter(int fd, const uint64_t *cookies, size_t n)
{
	/* Half a cookie tells sockets apart well enough to keep strangers out; who reads the
	 * message compares all of it. */
	const uint32_t at = NLMSG_HDRLEN + offsetof(struct inet_diag_msg, id.idiag_cookie[0]);
	const bool everything = n > SOCKDIAG_FILTER_MAX; /* a program has an end, too */
	_cleanup_free_ struct sock_filter *code = NULL;
	struct sock_fprog program;
	unsigned short len = 0;

	if (everything)
		n = 0;
	code = calloc(n * 2 + 2, sizeof(*code));
	if (!code)
		return -ENOMEM;
	code[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
	for (size_t i = 0; i < n; i++) {
		/* Words are loaded from network order, cookies are in ours. */
		const uint32_t word = htonl((uint32_t)cookies[i]);

		code[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word, 0, 1);
		code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	}
	code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, everything ? UINT32_MAX : 0);
	program = (struct sock_fprog) { .len = len, .filter = code };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}
