/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whom the kernel gives the packets of a flow to; see sockflow.h. The kernel's own lookup answers:
 * it knows of devices that sockets are bound to, of more specific listeners and of BPF programs
 * that choose one. It does not know what a firewall or a master device does to packets before it.
 */
#include <netinet/tcp.h>

#include "sockdiag.h"
#include "sockflow.h"

#define NOT_PROVED(reterr, ...) fault_set(reterr, ZCRX_FLOW_NOT_PROVED, NULL, __VA_ARGS__)

static const struct nic_link *find_link(const struct link_table *links, unsigned ifindex)
{
	for (size_t i = 0; i < links->n; i++)
		if (links->links[i].ifindex == ifindex)
			return &links->links[i];
	return NULL;
}

/* In a VRF or under a bridge, packets are for the sockets of that device, not for those that are
 * bound to none: the lookup would name the wrong ones. */
static int check_master(const struct link_table *links, unsigned ifindex, struct fault *reterr)
{
	const struct nic_link *link = find_link(links, ifindex), *master;

	if (!link || link->master == 0)
		return 0;
	master = find_link(links, link->master);
	return NOT_PROVED(
		reterr,
		"The interface belongs to %s, whose sockets receive in its place: no socket "
		"proves a flow here. Take it out of there, or have an administrator name "
		"the flow by value.",
		master ? master->name : "another device");
}

static int check_flow(struct netlink *diag, const struct socket_facts *facts, unsigned ifindex,
		      const struct flow *flow, struct fault *reterr)
{
	struct sockdiag_socket receiver;
	int r;

	r = sockdiag_receiver(diag, flow, ifindex, &receiver);
	if (r == -ENOENT)
		return NOT_PROVED(reterr, "The socket does not receive at port %u (any more).",
				  flow->destination_port);
	if (r < 0 || receiver.cookie == facts->cookie)
		return r;
	/* Listeners share a port only if one user made them all (SO_REUSEPORT). */
	if (facts->tcp_state == TCP_LISTEN && receiver.state == TCP_LISTEN &&
	    receiver.uid == facts->uid)
		return 0;
	return NOT_PROVED(reterr,
			  "What comes in at port %u is for another socket (of uid %u) than the one "
			  "that was sent.",
			  flow->destination_port, (unsigned)receiver.uid);
}

int sockflow_check(struct netlink *diag, const struct link_table *links,
		   const struct socket_facts *facts, unsigned ifindex, const struct flow *flows,
		   size_t n, struct fault *reterr)
{
	int r = check_master(links, ifindex, reterr);

	for (size_t i = 0; i < n && r == 0; i++)
		r = check_flow(diag, facts, ifindex, &flows[i], reterr);
	return r;
}
