/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A socket that proves nothing on a NIC because of where its address is: whose address that is, and
 * what can be done. Called by flows-from-socket.c alone. `name` is the device whose sockets receive
 * what comes in there.
 */
#pragma once

#include "flow.h"

/* A listener on the wildcard, for these protocols: the device has no such address. */
int flow_refuse_wildcard(bool tcp4, bool tcp6, const char *name, const struct local_address *addresses,
			 size_t n, struct fault *reterr);
/* One at this address, which is on another device; NULL: on none. */
int flow_refuse_address(const struct local_address *a, const char *name, uint16_t port,
			struct fault *reterr);
