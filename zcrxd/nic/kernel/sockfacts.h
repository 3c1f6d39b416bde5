/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a client's descriptor itself tells of its socket. */
#pragma once

#include "fault.h"
#include "flow.h"

/* The network namespace that a socket lives in. */
int sockfacts_netns(int fd, uint64_t *ret);
/* As nic_backend_ops.socket_facts; `netns` is ours. */
int sockfacts_read(uint64_t netns, int fd, struct socket_facts *ret, struct fault *reterr);
