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
