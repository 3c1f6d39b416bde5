/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lease in the kernel: one peerless netkit device that holds hardware queues and carries no
 * traffic. Deleting it takes the queues back before the call returns, whatever their user does.
 * Called from an interface's worker.
 */
#pragma once

#include "nic.h"
#include "netlink.h"

/* As nic_ops.grant and ungrant. `ifname` is only for messages. */
int netkit_grant(struct netlink *route, struct netlink *genl, const struct netlink_family *netdev,
		 unsigned ifindex, const char *ifname, const struct grant_request *request,
		 struct grant *ret, struct fault *reterr);
int netkit_ungrant(struct netlink *route, struct netlink *genl, const struct netlink_family *netdev,
		   unsigned ifindex, const struct grant *grant, struct fault *reterr);

/* Whether the kernel says of this NIC that its driver can give no queue away. A device comes and goes for
 * it. */
int netkit_ask(struct netlink *route, struct netlink *genl, const struct netlink_family *netdev,
	       unsigned ifindex, bool *ret_cannot);

/* Has this kernel netkit devices at all? Asks without creating one. */
int netkit_probe(struct netlink *route, bool *ret);
