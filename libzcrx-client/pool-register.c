/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registering a pool: zcrxd's part, and the mapping of the refill ring that the kernel made. Called once for
 * each pool; the area is area.c's, the data path span.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "pool.h"

/* Where the fields of a registration are in the reply. */
static int parse_registration(json_object *reply, struct registration *ret)
{
	struct registration g = {};
	const struct {
		const char *name;
		uint64_t *u64;
		uint32_t *u32;
		bool optional;
	} fields[] = {
		{ "zcrxId", .u32 = &g.zcrx_id },
		{ "refillEntries", .u32 = &g.refill_entries },
		{ "refillSize", .u64 = &g.refill_size },
		{ "refillMapOffset", .u64 = &g.refill_map_offset },
		{ "headOffset", .u32 = &g.head_offset },
		{ "tailOffset", .u32 = &g.tail_offset },
		{ "entriesOffset", .u32 = &g.entries_offset },
		{ "statsOffset", .u64 = &g.stats_offset, .optional = true },
		{ "areaToken", .u64 = &g.area_token },
		{ "receiveBufferLength", .u32 = &g.buffer_length },
		{ "napiId", .u32 = &g.napi_id, .optional = true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint64_t v = 0;
		int r = message_get_unsigned(reply, fields[i].name, fields[i].u32 ? UINT32_MAX : UINT64_MAX, &v);

		if (r < 0 && !(r == -ENOENT && fields[i].optional))
			return -EBADMSG;
		if (fields[i].u32)
			*fields[i].u32 = (uint32_t)v;
		else
			*fields[i].u64 = v;
	}
	*ret = g;
	return 0;
}

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
	base = mmap(NULL, g->refill_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		    p->ring_fd, (off_t)g->refill_map_offset);
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

/* One for each page: a large buffer has many packets, and the kernel wants each of them back. */
static uint32_t entries_for(const struct zcrx_pool *p)
{
	uint32_t n = refill_entries_for(p->area_size / pool_page_size());

	return n > 0 ? n : ZC_MAX_ENTRIES;
}

static int call_register(struct zcrx_pool *p, int ring_fd)
{
	json_object *parameters, *reply;
	struct zcrx_lease *l = p->lease;
	int handle, area, r;

	handle = lease_push_handle(l);
	if (handle < 0)
		return handle;
	area = client_push_fd(l->client, p->area_fd);
	if (area < 0)
		return area;
	parameters = lease_parameters(l, handle);
	message_put_unsigned(&parameters, "queue", p->index);
	message_put_unsigned(&parameters, "ring", (unsigned int)ring_fd);
	message_put_unsigned(&parameters, "areaFileDescriptor", (unsigned int)area);
	if (p->given_fd >= 0)
		message_put_unsigned(&parameters, "areaOffset", p->given_offset);
	message_put_unsigned(&parameters, "areaSize", p->area_size);
	message_put_unsigned(&parameters, "refillEntries", entries_for(p));
	if (p->buffer_length != pool_page_size())
		message_put_unsigned(&parameters, "receiveBufferLength", p->buffer_length);
	r = client_call(l->client, "register the queue", ZCRX_METHOD("Register"), parameters, &reply);
	if (r < 0)
		return r;
	r = parse_registration(reply, &p->registration);
	if (r < 0 || p->registration.buffer_length != p->buffer_length)
		return client_bad_reply(l->client, "register the queue");
	return 0;
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

int zcrx_pool_register(struct zcrx_pool *pool, int ring_fd)
{
	uint64_t n_buffers = 0;
	int r;

	if (!pool)
		return -EINVAL;
	if (pool->registered || ring_fd < 0)
		return client_cannot(pool->lease->client, ring_fd < 0 ? -EINVAL : -EBUSY, "register the queue");
	r = pool_settle_sizes(pool, &n_buffers);
	if (r >= 0)
		r = keep_ring(pool, ring_fd);
	if (r >= 0)
		r = pool_make_area(pool);
	if (r >= 0)
		r = call_register(pool, ring_fd);
	if (r >= 0)
		r = map_region(pool);
	if (r < 0) {
		pool_reset(pool);
		return r;
	}
	pool->registered = true;
	__atomic_store_n(&pool->lease->napi_ids[pool->index], pool->registration.napi_id, __ATOMIC_RELAXED);
	return 0;
}
