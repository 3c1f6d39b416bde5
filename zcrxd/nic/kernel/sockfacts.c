/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The facts about a client's socket; see sockfacts.h.
 *
 * Only socket-level options are read from the descriptor: they need no lock of the socket, and no
 * other kind of file answers them. getsockname, getpeername and TCP_INFO lock the socket, and a
 * client holds that lock at will (it sends from memory whose page fault never ends), so addresses
 * and state come from sock_diag (sockets.c).
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "sockfacts.h"

static int get_int(int fd, int option, int *ret)
{
	socklen_t n = sizeof(*ret);

	return getsockopt(fd, SOL_SOCKET, option, ret, &n) < 0 ? -errno : 0;
}

static int get_u64(int fd, int option, uint64_t *ret)
{
	socklen_t n = sizeof(*ret);

	return getsockopt(fd, SOL_SOCKET, option, ret, &n) < 0 ? -errno : 0;
}

int sockfacts_netns(int fd, uint64_t *ret)
{
	return get_u64(fd, SO_NETNS_COOKIE, ret);
}

static int check_kind(int fd, struct socket_facts *facts, struct fault *reterr)
{
	int r = get_int(fd, SO_DOMAIN, &facts->domain);

	if (r == -ENOTSOCK || r == -EBADF)
		return fault_set(reterr, ZCRX_FLOW_NOT_PROVED, NULL,
				 "The descriptor sent as a socket is no TCP socket. Send the listening or "
				 "connected TCP socket whose flow is to be steered.");
	if (r >= 0)
		r = get_int(fd, SO_TYPE, &facts->type);
	if (r >= 0)
		r = get_int(fd, SO_PROTOCOL, &facts->protocol);
	if (r < 0)
		return r;
	/* MPTCP goes on: that it proves nothing is for the model to say. */
	if ((facts->domain == AF_INET || facts->domain == AF_INET6) && facts->type == SOCK_STREAM &&
	    (facts->protocol == IPPROTO_TCP || facts->protocol == IPPROTO_MPTCP))
		return 0;
	return fault_set(reterr, ZCRX_FLOW_NOT_PROVED, NULL,
			 "The socket is no TCP socket (domain %d, type %d, protocol %d), and only "
			 "TCP can be received by zero copy.",
			 facts->domain, facts->type, facts->protocol);
}

int sockfacts_read(uint64_t netns, int fd, struct socket_facts *ret, struct fault *reterr)
{
	struct socket_facts facts = {};
	uint64_t its_netns = 0;
	int bound = 0, listening = 0;
	int r = check_kind(fd, &facts, reterr);

	if (r == 0)
		r = get_u64(fd, SO_COOKIE, &facts.cookie);
	if (r == 0)
		r = get_u64(fd, SO_NETNS_COOKIE, &its_netns);
	if (r == 0)
		r = get_int(fd, SO_BINDTOIFINDEX, &bound);
	if (r == 0)
		r = get_int(fd, SO_ACCEPTCONN, &listening);
	if (r != 0)
		return r;
	facts.same_netns = its_netns == netns;
	facts.bound_index = (unsigned)bound;
	facts.tcp_state = listening ? TCP_LISTEN : TCP_CLOSE;
	*ret = facts;
	return 0;
}
