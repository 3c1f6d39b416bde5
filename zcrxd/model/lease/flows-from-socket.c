/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which flows a socket proves: the one place where it is decided whose payload a client may see.
 * Everything that is not shown to be right is refused.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "flow-elsewhere.h"

#define NOT_PROVED(reterr, ...) fault_set(reterr, ZCRX_FLOW_NOT_PROVED, NULL, __VA_ARGS__)

/* Where a socket receives: by the protocols on the wire, not by the family of the socket. */
struct local_side {
	bool tcp4, tcp6; /* both only for a dual-stack wildcard */
	bool wildcard;
	uint8_t bytes[16]; /* unless wildcard: as in struct flow_address */
};

static const char *state_name(int state)
{
	switch (state) {
	case TCP_CLOSE:
		return "merely bound or closed";
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
		return "not connected yet";
	case TCP_CLOSE_WAIT:
		return "closed by its peer";
	default: /* the kernel's numbers, not an enum of ours */
		return "closing";
	}
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

/* An AF_INET6 socket that speaks IPv4: ::ffff:a.b.c.d. */
static bool is_mapped(const uint8_t *a)
{
	return is_zero(a, 10) && a[10] == 0xff && a[11] == 0xff;
}

static int check_socket(const struct socket_facts *facts, unsigned ifindex, struct fault *reterr)
{
	if ((facts->domain != AF_INET && facts->domain != AF_INET6) || facts->type != SOCK_STREAM)
		return NOT_PROVED(reterr, "The socket is no TCP socket; send the one that receives "
					  "the flow.");
	/* RECV_ZC refuses all but plain TCP, and an MPTCP socket has more tuples than it shows. */
	if (facts->protocol != IPPROTO_TCP)
		return NOT_PROVED(reterr, "The socket is not plain TCP; make it with IPPROTO_TCP.");
	if (!facts->same_netns)
		return NOT_PROVED(reterr, "The socket lives in another network namespace than the "
					  "interface, so it owns no address here.");
	if (facts->bound_index != 0 && facts->bound_index != ifindex)
		return NOT_PROVED(reterr,
				  "The socket is bound to another device (index %u); bind "
				  "it to this interface or to none.",
				  facts->bound_index);
	/* Two sockets can be bound to one port (SO_REUSEADDR), but only one user's can listen. */
	if (facts->tcp_state != TCP_LISTEN && facts->tcp_state != TCP_ESTABLISHED)
		return NOT_PROVED(reterr,
				  "The socket is %s, which proves nothing; send one that is "
				  "listening or connected.",
				  state_name(facts->tcp_state));
	if (facts->local_port == 0)
		return NOT_PROVED(reterr, "The socket has no local port.");
	return 0;
}

static struct local_side local_side(int domain, const uint8_t *local, bool v6_only)
{
	struct local_side side = {};

	if (domain == AF_INET) {
		side.tcp4 = true;
		memcpy(side.bytes, local, 4);
		side.wildcard = is_zero(local, 4);
	} else if (is_mapped(local)) {
		side.tcp4 = true;
		memcpy(side.bytes, local + 12, 4);
		side.wildcard = is_zero(local + 12, 4);
	} else {
		side.tcp6 = true;
		memcpy(side.bytes, local, 16);
		side.wildcard = is_zero(local, 16);
		side.tcp4 = side.wildcard && !v6_only;
	}
	return side;
}

/* NULL if the host does not have it; the device's own before others. */
static const struct local_address *find_address(const struct local_address *addresses, size_t n,
						 enum flow_protocol p, const uint8_t *bytes)
{
	const struct local_address *found = NULL;

	for (size_t i = 0; i < n; i++)
		if (addresses[i].protocol == p &&
		    !memcmp(addresses[i].bytes, bytes, flow_address_bits(p) / 8) &&
		    (!found || addresses[i].place < found->place))
			found = &addresses[i];
	return found;
}

static bool owned(const struct local_address *addresses, size_t n, enum flow_protocol p,
		  const uint8_t *bytes)
{
	const struct local_address *a = find_address(addresses, n, p, bytes);

	return a && a->place == ADDRESS_HERE;
}

static struct flow_address whole_address(enum flow_protocol p, const uint8_t *bytes)
{
	struct flow_address a = { .prefix = (uint8_t)flow_address_bits(p) };

	memcpy(a.bytes, bytes, flow_address_bits(p) / 8);
	return a;
}

/* One flow for each address; never one without, because forwarded traffic is nobody's. */
static int prove_wildcard(const struct socket_facts *facts, const struct local_side *side,
			  const char *name, const struct local_address *addresses, size_t n_addresses,
			  struct flow **ret, size_t *ret_n, struct fault *reterr)
{
	_cleanup_free_ struct flow *flows = calloc(n_addresses ?: 1, sizeof(*flows));
	size_t n = 0;

	if (!flows)
		return -ENOMEM;
	for (size_t i = 0; i < n_addresses; i++) {
		const struct local_address *a = &addresses[i];

		if (a->place != ADDRESS_HERE || !(a->protocol == FLOW_TCP4 ? side->tcp4 : side->tcp6) ||
		    owned(addresses, i, a->protocol, a->bytes))
			continue; /* the same address with another prefix length is one flow */
		flows[n++] = (struct flow) {
			.protocol = a->protocol,
			.destination = whole_address(a->protocol, a->bytes),
			.destination_port = facts->local_port,
		};
	}
	if (n == 0)
		return flow_refuse_wildcard(side->tcp4, side->tcp6, name, addresses, n_addresses,
					    reterr);
	*ret = TAKE_PTR(flows);
	*ret_n = n;
	return 0;
}

static int prove_address(const struct socket_facts *facts, const struct local_side *side,
			 const char *name, const struct local_address *addresses, size_t n_addresses,
			 struct flow **ret, size_t *ret_n, struct fault *reterr)
{
	enum flow_protocol p = side->tcp4 ? FLOW_TCP4 : FLOW_TCP6;
	const uint8_t *remote =
		p == FLOW_TCP4 && facts->domain == AF_INET6 ? facts->remote + 12 : facts->remote;
	struct flow *flow;

	/* IP_FREEBIND lets anybody bind an address of a container or a host behind this one. */
	if (!owned(addresses, n_addresses, p, side->bytes))
		return flow_refuse_address(find_address(addresses, n_addresses, p, side->bytes), name,
					   facts->local_port, reterr);
	if (facts->tcp_state == TCP_ESTABLISHED &&
	    (facts->remote_port == 0 || is_zero(remote, flow_address_bits(p) / 8) ||
	     (facts->domain == AF_INET6 && is_mapped(facts->remote) != side->tcp4)))
		return NOT_PROVED(reterr, "The socket's peer cannot be told.");
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return -ENOMEM;
	*flow = (struct flow) {
		.protocol = p,
		.destination = whole_address(p, side->bytes),
		.destination_port = facts->local_port,
	};
	if (facts->tcp_state == TCP_ESTABLISHED) {
		flow->source = whole_address(p, remote);
		flow->source_port = facts->remote_port;
	}
	*ret = flow;
	*ret_n = 1;
	return 0;
}

int flows_from_socket(const struct socket_facts *facts, unsigned ifindex, const char *name,
		      const struct local_address *addresses, size_t n_addresses, struct flow **ret,
		      size_t *ret_n, bool *ret_wildcard, struct fault *reterr)
{
	struct local_side side;
	int r;

	r = check_socket(facts, ifindex, reterr);
	if (r != 0)
		return r;
	side = local_side(facts->domain, facts->local, facts->v6_only);
	if (side.wildcard && facts->tcp_state != TCP_LISTEN)
		return NOT_PROVED(reterr, "The socket is connected without a local address.");
	if (side.wildcard)
		r = prove_wildcard(facts, &side, name, addresses, n_addresses, ret, ret_n, reterr);
	else
		r = prove_address(facts, &side, name, addresses, n_addresses, ret, ret_n, reterr);
	if (r == 0)
		*ret_wildcard = side.wildcard;
	return r;
}

/* ----------------------------------------------------------------- and nobody else */

int flow_check_receiver(const struct socket_facts *facts, const struct flow *flow,
			const struct socket_receiver *receiver, struct fault *reterr)
{
	const bool listens = facts->tcp_state == TCP_LISTEN;

	if (receiver->cookie == 0)
		return NOT_PROVED(reterr, "The socket does not receive at port %u (any more).",
				  flow->destination_port);
	/* One that was disconnected and listens now, or the other way round, is another socket. */
	if (listens == (receiver->tcp_state == TCP_LISTEN) &&
	    (receiver->cookie == facts->cookie ||
	     /* Listeners share a port only if one user made them all (SO_REUSEPORT). */
	     (listens && receiver->uid == facts->uid)))
		return 0;
	if (receiver->cookie == facts->cookie)
		return NOT_PROVED(reterr, "The socket is no longer what it was when it was sent, "
					  "%s; send it again.", listens ? "a listener" : "connected");
	return NOT_PROVED(reterr,
			  "Traffic to port %u is for another socket (of uid %u) than the one "
			  "that was sent.",
			  flow->destination_port, (unsigned)receiver->uid);
}

bool flow_reaches(const struct flow *flow, const struct port_socket *s)
{
	const struct local_side side = local_side(s->domain, s->local, s->v6_only);

	return s->port == flow->destination_port &&
	       (flow->protocol == FLOW_TCP4 ? side.tcp4 : side.tcp6) &&
	       (side.wildcard || !memcmp(side.bytes, flow->destination.bytes,
					 flow_address_bits(flow->protocol) / 8));
}

bool flow_has_connection(const struct flow *flow, const struct socket_facts *connection)
{
	const struct local_side side = local_side(connection->domain, connection->local, true);
	enum flow_protocol p = side.tcp4 ? FLOW_TCP4 : FLOW_TCP6;
	const bool mapped = p == FLOW_TCP4 && connection->domain == AF_INET6;
	const struct flow its = {
		.protocol = p,
		.source = whole_address(p, connection->remote + (mapped ? 12 : 0)),
		.destination = whole_address(p, side.bytes),
		.source_port = connection->remote_port,
		.destination_port = connection->local_port,
	};

	return flow_covers(flow, &its);
}

static int check_extension(const struct port_socket *s, struct fault *reterr)
{
	if (!s->listening)
		return 0;
	switch (s->extension) {
	case SOCKET_PLAIN:
	case _SOCKET_EXTENSION_MAX:
		break;
	case SOCKET_TCP_MD5:
		return NOT_PROVED(reterr,
				  "A listener at port %u has keys for TCP MD5 signatures (TCP_MD5SIG), "
				  "for which the kernel has to read the payload; use one without.",
				  s->port);
	case SOCKET_ULP:
		return NOT_PROVED(reterr,
				  "A listener at port %u has %s on top of TCP, for which the kernel has "
				  "to read the payload; use one of plain TCP.", s->port,
				  !s->ulp[0] ? "a protocol" : streq(s->ulp, "mptcp") ? "MPTCP" : s->ulp);
	case SOCKET_UNTOLD:
		return NOT_PROVED(reterr,
				  "The kernel does not say what was switched on for a listener at port "
				  "%u, which can be a great number of TCP_MD5SIG keys; use one without. "
				  "If it was closed just now, try again.", s->port);
	}
	return 0;
}

int flow_check_port(const struct flow *flows, size_t n, unsigned ifindex, uid_t owner, uid_t uid,
		    const struct port_socket *sockets, size_t n_sockets, struct fault *reterr)
{
	for (size_t i = 0; i < n_sockets; i++) {
		const struct port_socket *s = &sockets[i];
		bool reached = false;
		int r;

		for (size_t j = 0; j < n && !reached; j++)
			reached = flow_reaches(&flows[j], s);
		if (!reached || (s->bound_index != 0 && s->bound_index != ifindex))
			continue;
		r = check_extension(s, reterr);
		if (r != 0)
			return r;
		if (s->uid != uid && s->uid != owner && uid != 0)
			return NOT_PROVED(reterr,
					  "A socket of another user (uid %u) has port %u, too, and "
					  "would lose what is sent to it; wait for its end, or choose "
					  "another port.", (unsigned)s->uid, s->port);
	}
	return 0;
}
