/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Register: a client's ring gets its ifq on a queue of the lease.
 */
#pragma once

#include "leases.h"
#include "nic.h"

struct register_reply {
	const struct ifq *ifq;
	uint32_t hardware_queue, napi_id;
};
typedef void (*register_done)(struct lease *lease, int r, struct fault *fault,
			      const struct register_reply *reply, void *userdata);
/* Of the queue's last ring, which was closed: it is gone before another one is registered. */
uint64_t lease_replaced_area(struct lease *l, uint64_t queue);
/* Everything in `request` but the grant's part is filled; its descriptors are borrowed. */
int lease_register(struct lease *l, unsigned queue, const struct ifq_request *request,
		   register_done done, void *userdata, struct fault *reterr);
