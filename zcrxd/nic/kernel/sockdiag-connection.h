/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks for connections that some flow would take along; see sockets_ops.connection.
 */
#pragma once

#include "flow.h"
#include "netlink.h"
#include "nic.h"

/* SYN cookies aside. */
int connection_find(struct netlink *diag, const struct flow *flows, size_t n, uint64_t but,
		    struct socket_facts *ret, enum connections *ret_found);
/* As sockets_ops.let_pass. */
void connection_let_pass(void);
