/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where queues come from: a table of functions for each way, in a file of its own. A lease has one of them
 * from zcrx_lease_acquire() on. All functions say what failed, by client_fail().
 */
#pragma once

#include "internal.h"

struct zcrx_pool;
struct registration;

#define ALL_QUEUES (-1)

struct backend {
	const char *name;
	/* Fills the lease in, with a handle. */
	int (*acquire)(struct zcrx_lease *l);
	/* Binds a queue to the pool's area, which is there, and to the ring. Fills the registration in. */
	int (*register_pool)(struct zcrx_pool *p, int ring_fd);
	/* One more ring on the ifq of a pool's queue: its id and the offsets, and nothing else. NULL: cannot be. */
	int (*share)(struct zcrx_pool *p, int ring_fd, struct registration *ret);
	/* A flow for one queue or ALL_QUEUES: that of the socket, unless `flow` is one, by value. Of a lease that has
	 * a handle, as release(), after which the handle will be closed. */
	int (*add_flow)(struct zcrx_lease *l, int queue, int socket, json_object *flow);
	int (*release)(struct zcrx_lease *l);
};

extern const struct backend backend_zcrxd;
