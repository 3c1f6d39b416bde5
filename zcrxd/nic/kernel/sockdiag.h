/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TCP sockets as sock_diag describes them, named by their cookie. The kernel answers from its hash
 * tables without the socket's own lock, which a client can hold for as long as it likes.
 */
#pragma once

#include <netinet/tcp.h>

#include "flow.h"
#include "netlink.h"

/* Sets of TCP states. */
#define SOCKDIAG_LISTENING (1U << TCP_LISTEN)
/* Only for dumps: their state is TCP_CLOSE. linux/tcp_states has it, no user's header does. */
#define SOCKDIAG_BOUND (1U << 13)
/* All that have a peer, but neither half made ones nor those in time-wait. */
#define SOCKDIAG_CONNECTED                                                                         \
	(1U << TCP_ESTABLISHED | 1U << TCP_SYN_SENT | 1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2 |  \
	 1U << TCP_CLOSE_WAIT | 1U << TCP_LAST_ACK | 1U << TCP_CLOSING)

struct sockdiag_socket {
	int family; /* AF_INET, AF_INET6 */
	int state;
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port; /* host order */
	bool v6_only;
	unsigned bound_index;
	uid_t uid;
	bool held; /* a process has it; not one that is orphaned, or not accepted yet */
	uint64_t cookie;
};

int sockdiag_read(const struct nlmsghdr *m, struct sockdiag_socket *ret);

/* Looks through the sockets of our network namespace. -ENOENT if it is not among them,
 * -EPROTONOSUPPORT where the kernel has no tcp_diag. */
int sockdiag_find(struct netlink *diag, int family, uint32_t states, uint64_t cookie,
		  struct sockdiag_socket *ret);
/* The one that the kernel would give a packet of the flow to, if it came in on this interface: a
 * connected one or a listener. -ENOENT if there is none. */
int sockdiag_receiver(struct netlink *diag, const struct flow *flow, unsigned ifindex,
		      struct sockdiag_socket *ret);
/* Those that a process has, at a local port; -E2BIG. */
int sockdiag_at_port(struct netlink *diag, uint16_t port, struct port_socket **ret, size_t *ret_n);
/* Loads tcp_diag, without which destroyed sockets are not announced either. */
int sockdiag_probe(struct netlink *diag);

/* Lets only destroy messages of these sockets through, so that the end of every other TCP
 * connection on the machine does not wake us up. */
#define SOCKDIAG_FILTER_MAX 512
int sockdiag_filter(int fd, const uint64_t *cookies, size_t n);
