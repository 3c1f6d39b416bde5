/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows in one canonical form: which of them are the same, and which ones a socket proves.
 * Pure: the facts about a socket are read elsewhere (nic/), the verdict falls here.
 */
#pragma once

#include "fault.h"
#include "flow-text.h"
#include "types.h"

/* INVALID_FLOW unless canonical and with at least one field beside the protocol. */
int flow_validate(const struct flow *f, struct fault *reterr);
bool flow_equal(const struct flow *a, const struct flow *b);
/* Some packet matches both. */
bool flow_overlaps(const struct flow *a, const struct flow *b);
/* Every packet that matches b matches a. */
bool flow_covers(const struct flow *a, const struct flow *b);

/* Where the host has an address, seen from the device whose sockets receive what comes in at the NIC:
 * the NIC itself, or the bond that it is a port of. */
enum address_place {
	ADDRESS_HERE,	   /* on that device: the only ones that prove something */
	ADDRESS_VLAN,	   /* on a VLAN of it, or of the NIC: no rule says which VLAN it is for */
	ADDRESS_HOST,	   /* on lo or a dummy: reached by way of any NIC */
	ADDRESS_ELSEWHERE, /* on another device */
};

/* An address that the host owns. */
struct local_address {
	enum flow_protocol protocol;
	uint8_t bytes[16];
	enum address_place place;
	unsigned ifindex; /* of the device that has it, */
	char device[IFNAMSIZ]; /* and its name */
};

/* What the kernel says about a socket that a client sent: what its descriptor tells, read by
 * nic_backend_ops.socket_facts, and the rest, by sockets_ops.find. */
struct socket_facts {
	int domain;	       /* AF_INET, AF_INET6 */
	int type;	       /* SOCK_STREAM */
	int protocol;	       /* IPPROTO_TCP, IPPROTO_MPTCP... */
	int tcp_state;	       /* TCP_LISTEN, TCP_ESTABLISHED... (netinet/tcp.h numbers) */
	bool same_netns;       /* lives in the network namespace of the NIC (SO_NETNS_COOKIE) */
	unsigned bound_index;  /* SO_BINDTOIFINDEX; 0 for none */
	bool v6_only;	       /* IPV6_V6ONLY */
	uint8_t local[16];     /* by domain; a v4-mapped address of an AF_INET6 socket stays as it is */
	uint8_t remote[16];
	uint16_t local_port, remote_port; /* host order */
	uid_t uid;	       /* who made it */
	uint64_t cookie;       /* SO_COOKIE: names the socket in sock_diag's destroy messages */
};

/*
 * The flows that this socket proves on a NIC. `ifindex` and `name` are those of the device whose sockets
 * receive what comes in there; the addresses are all that the host has. A
 * listener on the wildcard gives one flow for each address; *ret_wildcard says that the list has to
 * follow the addresses. FLOW_NOT_PROVED with the reason otherwise; also when the list would be
 * empty.
 */
int flows_from_socket(const struct socket_facts *facts, unsigned ifindex, const char *name,
		      const struct local_address *addresses, size_t n_addresses, struct flow **ret,
		      size_t *ret_n, bool *ret_wildcard, struct fault *reterr);

/* Of these addresses those on VLANs, on lo and on dummies, which listeners on all addresses are reached
 * at, too, but not steered: "10.9.5.1 (zc0.5), 10.99.0.1 (lo)". NULL if there are none. -ENOMEM only. */
int local_addresses_left_out(const struct local_address *addresses, size_t n, char **ret);

/* Whom the kernel gives a packet of a flow to; all zero: nobody. */
struct socket_receiver {
	uint64_t cookie;
	int tcp_state;
	uid_t uid;
};

/*
 * The flow is for this socket, in the state in which it was shown, or for another listener of the user
 * who made it. FLOW_NOT_PROVED otherwise.
 */
int flow_check_receiver(const struct socket_facts *facts, const struct flow *flow,
			const struct socket_receiver *receiver, struct fault *reterr);

/* What a listener may have beside plain TCP, and its connections inherit: the kernel would look into
 * payload that only the NIC and the client can read. */
enum socket_extension {
	SOCKET_PLAIN,
	SOCKET_TCP_MD5, /* signatures over the payload */
	SOCKET_ULP,	/* a protocol on top: MPTCP, kTLS... */
	SOCKET_UNTOLD,	/* the kernel would not say */
	_SOCKET_EXTENSION_MAX,
};

/* What comes to this connection can come by this flow. */
bool flow_has_connection(const struct flow *flow, const struct socket_facts *connection);

/* A TCP socket that holds a local port, in whatever state, or many that differ in nothing here. */
struct port_socket {
	int domain;
	bool v6_only;
	uint8_t local[16];    /* as in struct socket_facts */
	uint16_t port;	      /* likewise */
	unsigned bound_index; /* 0 for none */
	uid_t uid;
	bool listening;
	enum socket_extension extension; /* if it listens: the kernel tells it of no others without a
					  * lock that their owners can keep */
	char ulp[16];			 /* SOCKET_ULP: its name, "" if the kernel has none */
};

/* What is sent by this flow could be for this socket, by address and port. */
bool flow_reaches(const struct flow *flow, const struct port_socket *s);

/*
 * Nobody else receives by these flows of a listener: a user may listen on a port while connections of
 * another, whose listener has ended, live on there. Sockets of `owner`, who made the listener, and of
 * `uid`, who sent it, are no strangers, and root may see everything. And no listener there, whosever
 * it is, has anything but plain TCP. FLOW_NOT_PROVED otherwise.
 */
int flow_check_port(const struct flow *flows, size_t n, unsigned ifindex, uid_t owner, uid_t uid,
		    const struct port_socket *sockets, size_t n_sockets, struct fault *reterr);
