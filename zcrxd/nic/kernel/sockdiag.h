/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TCP sockets as sock_diag describes them, named by their cookie. The kernel answers from its hash
 * tables without the socket's own lock, which a client can hold for as long as it likes.
 */
#pragma once

#include <netinet/tcp.h>

#include "netlink.h"

/* Sets of TCP states. */
#define SOCKDIAG_LISTENING (1U << TCP_LISTEN)
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
	uint64_t cookie;
};

int sockdiag_read(const struct nlmsghdr *m, struct sockdiag_socket *ret);

/* Looks through the sockets of our network namespace. -ENOENT if it is not among them,
 * -EPROTONOSUPPORT where the kernel has no tcp_diag. */
int sockdiag_find(struct netlink *diag, int family, uint32_t states, uint64_t cookie,
		  struct sockdiag_socket *ret);
/* Loads tcp_diag, without which destroyed sockets are not announced either. */
int sockdiag_probe(struct netlink *diag);

/* Lets only destroy messages of these sockets through, so that the end of every other TCP
 * connection on the machine does not wake us up. */
#define SOCKDIAG_FILTER_MAX 512
int sockdiag_filter(int fd, const uint64_t *cookies, size_t n);
