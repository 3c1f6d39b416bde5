/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The backend for any kernel and any user: leases of no queue at all, on which a program receives as on others,
 * by copying (copy.c). Here are the lease, and where things are in the memory that stands for a refill ring.
 */
#include "backend.h"
#include "pool.h"

#define ENTRIES_OFFSET 64U

static int acquire(struct zcrx_lease *l)
{
	return local_acquire(l, "copy", 0, l->wanted_queues ?: 1);
}

/* Without a ring: the engine takes what is returned, and counts. */
static int register_pool(struct zcrx_pool *p, int ring_fd)
{
	uint32_t entries = pool_refill_entries(p);
	uint64_t size = ENTRIES_OFFSET + (uint64_t)entries * sizeof(struct zc_rqe);

	p->registration = (struct registration) {
		.refill_entries = entries,
		.refill_size = size + sizeof(struct zc_stats),
		.tail_offset = sizeof(uint32_t),
		.entries_offset = ENTRIES_OFFSET,
		.stats_offset = size,
		.buffer_length = (uint32_t)p->buffer_length,
	};
	p->no_flush = true;
	return 0;
}

const struct backend backend_copy = {
	.name = "copy",
	.copies = true,
	.acquire = acquire,
	.register_pool = register_pool,
	.add_flow = local_accept_flow, /* all connections can be received on all queues */
	.release = local_release,
};
