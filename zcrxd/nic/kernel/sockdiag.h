/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TCP sockets as sock_diag describes them. The kernel answers from its hash tables without the
 * socket's own lock, which a client can hold for as long as it likes. That is why nothing here asks
 * for INET_DIAG_INFO but of listeners, for which alone the kernel takes no lock: the thread would
 * wait for that client, and not even SIGKILL would end it.
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

/* With the half made ones: all for which a segment may have been sent already. */
#define SOCKDIAG_BEGUN (SOCKDIAG_CONNECTED | 1U << TCP_SYN_RECV)

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
	uint64_t cgroup; /* of who made it; 0 if the kernel does not tell */
	/* Of a listener that was dumped with sockdiag_dump_extensions only. */
	enum socket_extension extension;
	char ulp[sizeof(((struct port_socket *)0)->ulp)];
};

int sockdiag_read(const struct nlmsghdr *m, struct sockdiag_socket *ret);

/* Called for each socket of a dump. Negative ends it. */
typedef int (*sockdiag_handler)(const struct sockdiag_socket *s, void *userdata);

/* Those of both families in these states at one of these local ports, which the kernel compares itself; n 0: at any.
 * One request for SOCKDIAG_PORTS_MAX ports. -EPROTONOSUPPORT where the kernel has no tcp_diag. */
#define SOCKDIAG_PORTS_MAX 1024
int sockdiag_dump(struct netlink *diag, uint32_t states, const uint16_t *ports, size_t n,
		  sockdiag_handler handler, void *userdata);
/*
 * The same for listeners, with what was switched on for them (CAP_NET_ADMIN). A listener with so many
 * keys that they do not fit into a message makes the kernel end the dump there, without an error: who
 * is not among them has to be asked for by itself.
 */
int sockdiag_dump_extensions(struct netlink *diag, const uint16_t *ports, size_t n,
			     sockdiag_handler handler, void *userdata);
/* The one that the kernel would give a packet of the flow to, if it came in on this interface: a
 * connected one or a listener. -ENOENT if there is none. */
int sockdiag_receiver(struct netlink *diag, const struct flow *flow, unsigned ifindex,
		      struct sockdiag_socket *ret);
/* Loads tcp_diag, without which destroyed sockets are not announced either. */
int sockdiag_probe(struct netlink *diag);

/* Lets only destroy messages of these sockets through, so that the end of every other TCP
 * connection on the machine does not wake us up; beyond the maximum every socket's. */
#define SOCKDIAG_FILTER_MAX 512
int sockdiag_filter(int fd, const uint64_t *cookies, size_t n);
