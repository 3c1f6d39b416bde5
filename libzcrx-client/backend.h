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
	/* Receives by copy_engine, and not on a ring. */
	bool copies;
	/* Whether it is there at all: -ENOENT, -ECONNREFUSED, -ENOSYS, -EPERM, -EOPNOTSUPP if it is not. NULL: it
	 * always is. */
	int (*probe)(struct zcrx_lease *l);
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

extern const struct backend backend_zcrxd, backend_direct, backend_software, backend_copy;

/* backend.c: as zcrx_lease_acquire(). */
int backend_acquire(struct zcrx_lease *l);

/* lease-local.c: acquire(), release() and add_flow() of backends without a daemon. The last has nothing to do
 * where there is no NIC. */
int local_acquire(struct zcrx_lease *l, const char *interface, unsigned int first_queue, unsigned int n);
int local_release(struct zcrx_lease *l);
int local_accept_flow(struct zcrx_lease *l, int queue, int socket, json_object *flow);
