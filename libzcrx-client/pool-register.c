/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registering a pool: the backend's part, and the mapping of the refill ring that the kernel made. Called once for
 * each pool; the area is area.c's, the data path span.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "backend.h"
#include "pool.h"

static bool fits(uint64_t size, uint64_t offset, uint64_t length, uint64_t alignment)
{
	return offset % alignment == 0 && length <= size && offset <= size - length;
}

/* Maps what the kernel made. A daemon that lies could not do worse than confuse us: every offset is
 * checked against the mapping. */
static int map_region(struct zcrx_pool *p)
{
	struct registration *g = &p->registration;
	char *base;

	if (!fits(g->refill_size, g->head_offset, sizeof(uint32_t), sizeof(uint32_t)) ||
	    !fits(g->refill_size, g->tail_offset, sizeof(uint32_t), sizeof(uint32_t)) ||
	    !fits(g->refill_size, g->entries_offset,
		  (uint64_t)g->refill_entries * sizeof(struct zc_rqe), sizeof(uint64_t)) ||
	    (g->stats_offset > 0 &&
	     !fits(g->refill_size, g->stats_offset, sizeof(struct zc_stats), sizeof(uint64_t))))
		return client_bad_reply(p->lease->client, "register the queue");
	base = mmap(NULL, g->refill_size, PROT_READ | PROT_WRITE,
		    p->ring_fd >= 0 ? MAP_SHARED | MAP_POPULATE : MAP_PRIVATE | MAP_ANONYMOUS, p->ring_fd,
		    (off_t)g->refill_map_offset);
	if (base == MAP_FAILED)
		return client_fail(p->lease->client, -errno,
				   "Cannot map the refill ring (%llu bytes): %s.",
				   (unsigned long long)g->refill_size, strerror(errno));
	p->region = base;
	p->stats = g->stats_offset > 0 ? (struct zc_stats *)(base + g->stats_offset) : NULL;
	return refill_init(&p->refill, (uint32_t *)(base + g->head_offset),
			   (uint32_t *)(base + g->tail_offset),
			   (struct zc_rqe *)(base + g->entries_offset), g->refill_entries,
			   (uint32_t)(p->area_size / p->buffer_length), g->buffer_length,
			   g->area_token);
}

/* A duplicate, so that what is later done to the number does not reach another's ring. */
static int keep_ring(struct zcrx_pool *p, int ring_fd)
{
	p->ring_fd = fcntl(ring_fd, F_DUPFD_CLOEXEC, 3);
	if (p->ring_fd >= 0)
		return 0;
	return client_fail(p->lease->client, -errno, "Cannot duplicate the descriptor %d of the ring: %s.",
			   ring_fd, strerror(errno));
}

static int prepare(struct zcrx_pool *p, int ring_fd)
{
	uint64_t n_buffers = 0;
	int r;

	pool_reset(p); /* of an attempt that was given up */
	r = pool_settle_sizes(p, &n_buffers);
	if (r >= 0 && ring_fd >= 0)
		r = keep_ring(p, ring_fd);
	return r < 0 ? r : pool_make_area(p);
}

int pool_register(struct zcrx_pool *p, int ring_fd)
{
	int r = pool_is_registering(p) ? 0 : prepare(p, ring_fd);

	if (r >= 0)
		r = p->attaches ? share_register(p, ring_fd) : p->lease->backend->register_pool(p, ring_fd);
	if (r == -EINPROGRESS)
		p->call = client_under_way(p->lease->client);
	if (r < 0 && pool_is_registering(p))
		return r;
	if (r >= 0 && p->registration.buffer_length != p->buffer_length)
		r = client_bad_reply(p->lease->client, "register the queue");
	if (r >= 0)
		r = map_region(p);
	if (r < 0) {
		pool_reset(p);
		return r;
	}
	if (p->attaches)
		share_begin(p);
	p->registered = true;
	__atomic_store_n(&p->lease->napi_ids[p->index], p->registration.napi_id, __ATOMIC_RELAXED);
	return 0;
}

int zcrx_pool_register(struct zcrx_pool *pool, int ring_fd)
{
	if (!pool)
		return -EINVAL;
	if (pool->registered || ring_fd < 0)
		return client_cannot(pool->lease->client, ring_fd < 0 ? -EINVAL : -EBUSY, "register the queue");
	if (pool->lease->backend->copies)
		return client_fail(pool->lease->client, -EOPNOTSUPP,
				   "Cannot register a pool: the backend of its lease is %s, which receives without a "
				   "ring. Use a queue (zcrx_queue_new()), or recv() on the sockets.",
				   pool->lease->backend->name);
	return pool_register(pool, ring_fd);
}
