/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sock_diag: dumps of TCP sockets by state and port, the kernel's own lookup, and the filter for the
 * news of their end; see sockdiag.h.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "sockdiag.h"

/* A listener's; see sockdiag.h. */
static void read_extension(struct nlattr *const *tb, struct sockdiag_socket *s)
{
	struct nlattr *ulp[INET_ULP_INFO_MAX + 1];

	if (tb[INET_DIAG_MD5SIG])
		s->extension = SOCKET_TCP_MD5;
	if (!tb[INET_DIAG_ULP_INFO])
		return;
	s->extension = SOCKET_ULP;
	if (netlink_parse_nested(tb[INET_DIAG_ULP_INFO], ulp, INET_ULP_INFO_MAX) >= 0)
		(void)attr_string(ulp[INET_ULP_INFO_NAME], s->ulp, sizeof(s->ulp));
}

int sockdiag_read(const struct nlmsghdr *m, struct sockdiag_socket *ret)
{
	struct nlattr *tb[INET_DIAG_CGROUP_ID + 1];
	struct inet_diag_msg d;
	int r;

	if (m->nlmsg_type != SOCK_DIAG_BY_FAMILY && m->nlmsg_type != TCPDIAG_GETSOCK)
		return -EBADMSG;
	r = netlink_parse(m, sizeof(d), tb, INET_DIAG_CGROUP_ID);
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
		.cgroup = attr_uint(tb[INET_DIAG_CGROUP_ID], 0),
	};
	memcpy(ret->local, d.id.idiag_src, d.idiag_family == AF_INET ? 4 : 16);
	memcpy(ret->remote, d.id.idiag_dst, d.idiag_family == AF_INET ? 4 : 16);
	read_extension(tb, ret);
	return 0;
}

/* With so much room for attributes. */
static struct nl_msg *request(int type, const void *r, size_t size, size_t room)
{
	_cleanup_nl_msg_ struct nl_msg *m = nlmsg_alloc_size(NLMSG_SPACE(size) + room);

	if (!m || !nlmsg_put(m, NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, 0) ||
	    nlmsg_append(m, (void *)r, size, NLMSG_ALIGNTO) < 0)
		return NULL;
	return TAKE_PTR(m);
}

/* ---------------------------------------------------------------------------------- dumps */

/* "The local port is one of these": a comparison each, followed by a jump to the end, where the kernel
 * accepts. The last one that does not match jumps one step too far, which is its way to refuse. */
struct port_test {
	struct inet_diag_bc_op compare, port, jump;
};

static int put_ports(struct nl_msg *m, const uint16_t *ports, size_t n)
{
	_cleanup_free_ struct port_test *code = calloc(n + 1, sizeof(*code));
	const size_t size = n * sizeof(*code) - sizeof(code->jump);

	if (!code)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		code[i] = (struct port_test) {
			.compare = { .code = INET_DIAG_BC_S_EQ,
				     .yes = offsetof(struct port_test, jump),
				     .no = sizeof(*code) },
			.port.no = ports[i],
			.jump = { .code = INET_DIAG_BC_JMP,
				  .yes = sizeof(code->jump),
				  .no = (uint16_t)(size - i * sizeof(*code) -
						   offsetof(struct port_test, jump)) },
		};
	return nla_put(m, INET_DIAG_REQ_BYTECODE, (int)size, code) < 0 ? -ENOMEM : 0;
}

struct dump {
	sockdiag_handler handler;
	void *userdata;
};

static int on_socket(const struct nlmsghdr *m, void *userdata)
{
	const struct dump *d = userdata;
	struct sockdiag_socket s;
	int r = sockdiag_read(m, &s);

	return r < 0 ? r : d->handler(&s, d->userdata);
}

/*
 * By the older of the two requests (TCPDIAG_GETSOCK), which knows no family: IPv4 and IPv6 are in the same
 * tables, and the newer one, which is for one of them, goes through all of them for that.
 */
static int dump(struct netlink *diag, const struct inet_diag_req *head, const uint16_t *ports, size_t n,
		struct dump *d)
{
	_cleanup_nl_msg_ struct nl_msg *m = request(TCPDIAG_GETSOCK, head, sizeof(*head),
						    NLA_HDRLEN + n * sizeof(struct port_test));
	int r;

	if (!m || (n > 0 && put_ports(m, ports, n) < 0))
		return -ENOMEM;
	r = netlink_dump(diag, TAKE_PTR(m), on_socket, NULL, d);
	return diag->refused && r == -ENOENT ? -EPROTONOSUPPORT : r;
}

static int dump_all(struct netlink *diag, const struct inet_diag_req *head, const uint16_t *ports,
		    size_t n, struct dump *d)
{
	size_t some;
	int r;

	if (n == 0)
		return dump(diag, head, NULL, 0, d);
	for (r = 0; r >= 0 && n > 0; n -= some, ports += some) {
		some = n < SOCKDIAG_PORTS_MAX ? n : SOCKDIAG_PORTS_MAX;
		r = dump(diag, head, ports, some, d);
	}
	return r;
}

int sockdiag_dump(struct netlink *diag, uint32_t states, const uint16_t *ports, size_t n,
		  sockdiag_handler handler, void *userdata)
{
	const struct inet_diag_req head = { .idiag_states = states };
	struct dump d = { handler, userdata };

	return dump_all(diag, &head, ports, n, &d);
}

int sockdiag_dump_extensions(struct netlink *diag, const uint16_t *ports, size_t n,
			     sockdiag_handler handler, void *userdata)
{
	const struct inet_diag_req head = {
		.idiag_states = SOCKDIAG_LISTENING,
		.idiag_ext = 1 << (INET_DIAG_INFO - 1), /* what else there is comes with it */
	};
	struct dump d = { handler, userdata };
	int r = dump_all(diag, &head, ports, n, &d);

	if (diag->buffer) /* the kernel tells the keys, too */
		explicit_bzero(diag->buffer, diag->capacity);
	return r;
}

/* --------------------------------------------------------------------------------- lookup */

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
	e = netlink_call(diag, request(SOCK_DIAG_BY_FAMILY, &r, sizeof(r), 0), take_receiver, &s);
	if (e < 0)
		return e;
	*ret = s;
	return s.family ? 0 : -EBADMSG;
}

static int ignore(const struct sockdiag_socket *s, void *userdata)
{
	return 0;
}

int sockdiag_probe(struct netlink *diag)
{
	static const uint16_t nowhere = 0;

	return sockdiag_dump(diag, SOCKDIAG_LISTENING, &nowhere, 1, ignore, NULL);
}

/* --------------------------------------------------------------------------------- filter */

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
