/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which links of the machine an entry of the configuration means, and which texts of the configuration
 * mean none: the one place where both are decided, for zcrxd and for `zcrxctl check`.
 */
#pragma once

#include "config.h"
#include "names.h"
#include "nic.h"

struct interface_names nic_link_names(const struct nic_link *link);
bool nic_link_matches(const struct nic_link *link, const struct config_interface *entry);
/* The first entry that does; NULL for none. Links made by software are found by name only. */
const struct config_interface *nic_link_entry(const struct nic_link *link, const struct config *c);

/*
 * A sentence for each entry under interfaces: that matches no link, and for each name in the policy that is
 * that of no interface of the configuration. The caller frees the list and what is in it. -ENOMEM.
 */
int config_find_unmatched(const struct config *c, const struct nic_link *links, size_t n_links,
			  char ***ret, size_t *ret_n);
