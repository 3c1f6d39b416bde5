/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whom the kernel gives the packets of a flow to.
 */
#pragma once

#include "link-table.h"
#include "netlink.h"

/* As nic_backend_ops.socket_receives. */
int sockflow_check(struct netlink *diag, const struct link_table *links,
		   const struct socket_facts *facts, unsigned ifindex, const struct flow *flows,
		   size_t n, struct fault *reterr);
