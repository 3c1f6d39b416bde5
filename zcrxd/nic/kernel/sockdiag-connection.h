/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks for a connection that some flow would take along; see sockets_ops.connection.
 */
#pragma once

#include "flow.h"
#include "netlink.h"

int connection_find(struct netlink *diag, const struct flow *flows, size_t n, uint64_t but,
		    struct socket_facts *ret, bool *ret_found);
