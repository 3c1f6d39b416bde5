/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The backend for who may register a queue of a NIC without zcrxd (CAP_NET_ADMIN). Which queue that is, that
 * the NIC is set up for it, and that the right packets come to it, is the caller's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>

#include "backend.h"
#include "ifq.h"

static int probe(struct zcrx_lease *l)
{
	return ifq_probe(l->client, 0);
}

static int acquire(struct zcrx_lease *l)
{
	if (!l->wanted_interface || !l->has_wanted_hardware_queue)
		return client_fail(l->client, -EINVAL,
				   "The backend direct needs to know an interface (zcrx_lease_set_interface()) and one of its "
				   "queues (zcrx_lease_set_hardware_queue()).");
	if (l->wanted_queues > 1)
		return client_fail(l->client, -EINVAL, "A lease of the backend direct has one queue, not %u: take several "
						       "leases.",
				   l->wanted_queues);
	if (if_nametoindex(l->wanted_interface) == 0)
		return client_fail(l->client, -ENODEV, "There is no interface %s.", l->wanted_interface);
	return local_acquire(l, l->wanted_interface, l->wanted_hardware_queue, 1);
}

static int register_pool(struct zcrx_pool *p, int ring_fd)
{
	struct zcrx_lease *l = p->lease;
	unsigned int ifindex = if_nametoindex(l->interface);
	char what[64];

	if (ifindex == 0)
		return client_fail(l->client, -ENODEV, "There is no interface %s any more.", l->interface);
	snprintf(what, sizeof(what), "queue %u of %s", l->hardware_queues[0], l->interface);
	return ifq_register(p, ring_fd, what, ifindex, l->hardware_queues[0], 0);
}

/* The rule as ethtool takes it: what the packets of the socket are sent to. */
static void rule_of_socket(int socket, char *rule, size_t size)
{
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} local = {};
	socklen_t length = sizeof(local);
	char address[INET6_ADDRSTRLEN] = "";

	if (getsockname(socket, &local.any, &length) < 0)
		local.any.sa_family = AF_UNSPEC;
	if (local.any.sa_family == AF_INET && local.four.sin_addr.s_addr != htonl(INADDR_ANY))
		inet_ntop(AF_INET, &local.four.sin_addr, address, sizeof(address));
	else if (local.any.sa_family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&local.six.sin6_addr))
		inet_ntop(AF_INET6, &local.six.sin6_addr, address, sizeof(address));
	/* The ports are at the same place. */
	snprintf(rule, size, "flow-type %s%s%s dst-port %u",
		 local.any.sa_family == AF_INET6 && *address && !IN6_IS_ADDR_V4MAPPED(&local.six.sin6_addr) ? "tcp6" : "tcp4",
		 *address ? " dst-ip " : "", strncmp(address, "::ffff:", 7) == 0 ? address + 7 : address,
		 ntohs(local.four.sin_port));
}

static void rule_of_flow(json_object *flow, char *rule, size_t size)
{
	const char *source = message_get_string(flow, "source"), *destination = message_get_string(flow, "destination");
	uint64_t source_port = 0, destination_port = 0;
	char ports[64] = "";

	if (message_get_unsigned(flow, "sourcePort", UINT16_MAX, &source_port) == 0)
		snprintf(ports, sizeof(ports), " src-port %u", (unsigned int)source_port);
	if (message_get_unsigned(flow, "destinationPort", UINT16_MAX, &destination_port) == 0)
		snprintf(ports + strlen(ports), sizeof(ports) - strlen(ports), " dst-port %u",
			 (unsigned int)destination_port);
	snprintf(rule, size, "flow-type %s%s%s%s%s%s", message_get_string(flow, "protocol") ?: "tcp4",
		 source ? " src-ip " : "", source ?: "", destination ? " dst-ip " : "", destination ?: "", ports);
}

static int refuse_flow(struct zcrx_lease *l, int queue, int socket, json_object *flow)
{
	char rule[256];

	if (flow)
		rule_of_flow(flow, rule, sizeof(rule));
	else
		rule_of_socket(socket, rule, sizeof(rule));
	return client_fail(l->client, -EOPNOTSUPP,
			   "Flows are not steered by the backend direct, but by its caller: ethtool -N %s %s action %u",
			   l->interface, rule, l->hardware_queues[0]);
}

const struct backend backend_direct = {
	.name = "direct",
	.probe = probe,
	.acquire = acquire,
	.register_pool = register_pool,
	.add_flow = refuse_flow,
	.release = local_release,
};
