/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registering interface queues by oneself, without zcrxd: what the backends direct and software have in common.
 */
#pragma once

#include "pool.h"

/* Whether this process may do that, and the kernel knows these flags of a registration; 0, or what
 * struct backend.probe() gives. */
int ifq_probe(struct zcrx_client *c, uint32_t flags);

/* As struct backend.register_pool(); `what` is registered, in a sentence. */
int ifq_register(struct zcrx_pool *p, int ring_fd, const char *what, uint32_t ifindex, uint32_t queue,
		 uint32_t flags);
