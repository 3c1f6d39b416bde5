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
		.cookie = d.id.idiag_cookie[0] | (uint64_t)d.id.idiag_cookie[1] << 32,
	};
	memcpy(ret->local, d.id.idiag_src, d.idiag_family == AF_INET ? 4 : 16);
	memcpy(ret->remote, d.id.idiag_dst, d.idiag_family == AF_INET ? 4 : 16);
	return 0;
}

static struct nl_msg *dump_request(int family, uint32_t states)
{
	const struct inet_diag_req_v2 request = {
		.sdiag_family = (uint8_t)family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = states,
	};
	_cleanup_nl_msg_ struct nl_msg *m = nlmsg_alloc_simple(SOCK_DIAG_BY_FAMILY, 0);

	if (!m || nlmsg_append(m, (void *)&request, sizeof(request), NLMSG_ALIGNTO) < 0)
		return NULL;
	return TAKE_PTR(m);
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
	int r = netlink_dump(diag, dump_request(family, states), look_at, NULL, &s);

	if (r < 0)
		return diag->refused && r == -ENOENT ? -EPROTONOSUPPORT : r;
	if (!s.found)
		return -ENOENT;
	*ret = s.socket;
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
