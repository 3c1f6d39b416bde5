/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel says about a descriptor that a client sent as a socket. It may be anything; no
 * call here waits for its owner.
 */
#pragma once

#include "flow.h"
#include "netlink.h"

/* FLOW_NOT_PROVED if it is no TCP socket at all. `netns` is the cookie of our own namespace. */
int sockfacts_read(struct netlink *diag, uint64_t netns, int fd, struct socket_facts *ret,
		   struct fault *reterr);
int sockfacts_netns(int fd, uint64_t *ret);
