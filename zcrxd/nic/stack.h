/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices stacked on others, computed from the list of links alone.
 */
#pragma once

#include "nic.h"

/* The link and all that is stacked on it, directly or not, as indices: what it is a port of, what was made
 * on it, and of an Open vSwitch all internal ports, for no link says which are whose. At most `max`, the
 * link itself first. */
size_t stack_above(const struct nic_link *links, size_t n_links, unsigned ifindex, unsigned *ret,
		   size_t max);

/* NULL if there is none. */
const struct nic_link *links_find(const struct nic_link *links, size_t n_links, unsigned ifindex);

/* The device whose sockets receive what comes in at a NIC: the NIC, or the bond that it is a port of. */
struct stack_receiver {
	unsigned ifindex;
	char name[IFNAMSIZ];
	bool bond;
};

/*
 * FLOW_NOT_PROVED if it is neither: in a VRF or under a bridge packets are for the sockets of that device,
 * not for those that are bound to none, so that the kernel's lookup would name the wrong ones.
 */
int stack_receiver(const struct nic_link *links, size_t n_links, const struct nic_link *nic,
		   struct stack_receiver *ret, struct fault *reterr);

/* Where an address of the device `at` is, seen from that receiver. */
enum address_place stack_place(const struct nic_link *links, size_t n_links,
			       const struct stack_receiver *receiver, unsigned nic, unsigned at);
