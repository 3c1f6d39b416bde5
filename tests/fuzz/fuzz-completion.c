/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Completions of a pool, as a kernel might write them, between spans that are held and returned, and a
 * refill ring that is taken from as it likes. Whatever they say, a span lies within one buffer of the area;
 * each is returned as often as it was taken and held, and the ring gets one entry for each that was taken.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz.h"
#include "pool.h"

#define ENTRIES	  64U
#define SPANS_MAX 512U

struct run {
	const uint8_t *data;
	size_t size;
	struct zcrx_pool *pool;
	uint32_t head, tail;
	struct zc_rqe entries[ENTRIES];
	struct zcrx_span spans[SPANS_MAX];
	unsigned int n_spans;
	uint64_t n_taken, n_entries;
	bool joined; /* some are longer than a buffer */
	bool fresh;  /* the last span is the one that was taken last, and nothing has happened to it */
};

/* As much of `n` bytes as there is, the rest zero. */
static void eat(struct run *x, void *to, size_t n)
{
	size_t have = x->size < n ? x->size : n;

	memset(to, 0, n);
	if (have)
		memcpy(to, x->data, have);
	x->data += have;
	x->size -= have;
}

/* What is joined relies on the kernel not to write where something is out: its own would not be found again. */
static bool is_out(const struct run *x, uint64_t off)
{
	uint64_t buffer = (off & ((UINT64_C(1) << ZC_AREA_SHIFT) - 1)) / x->pool->buffer_length;

	return buffer < x->pool->refill.n_buffers && x->pool->refill.buffers[buffer].held != 0;
}

static void try_take(struct run *x)
{
	struct zc_cqe cqe;
	struct zcrx_span s = {};
	size_t length = x->pool->buffer_length;

	eat(x, &cqe, sizeof(cqe));
	if (x->joined && is_out(x, cqe.off))
		return;
	if (x->n_spans == SPANS_MAX || zcrx_pool_take(x->pool, &cqe, &s) != 1)
		return;
	assert(s.length > 0 && s.length <= length && s.length == (size_t)cqe.result);
	assert(s.offset < x->pool->area_size && s.length <= x->pool->area_size - s.offset);
	assert(s.offset / length == (s.offset + s.length - 1) / length);
	assert(s.data == (char *)x->pool->area + s.offset);
	x->spans[x->n_spans++] = s;
	x->n_taken++;
	x->fresh = x->pool->refill.buffers[s.offset / length].held == 1;
}

/* Something that lies behind the span that was taken last, and is as long or longer. */
static void try_join(struct run *x, uint8_t length)
{
	struct zcrx_span *s = &x->spans[x->n_spans - 1];
	struct zc_cqe cqe = { .result = (int32_t)length * 64, .flags = ZC_CQE_F_MORE,
			      .off = (s->offset + s->length) | x->pool->refill.token };

	if (!x->fresh || (is_out(x, cqe.off) && (s->offset + s->length) % x->pool->buffer_length == 0) ||
	    !pool_join(x->pool, &cqe, s->offset, s->length))
		return;
	s->length += (size_t)cqe.result;
	assert(s->length <= x->pool->area_size - s->offset);
	x->n_taken++;
	x->joined = true;
}

static void take_entries(struct run *x, uint32_t most)
{
	for (; most > 0 && x->head != x->tail; most--, x->head++, x->n_entries++) {
		const struct zc_rqe *e = &x->entries[x->head % ENTRIES];
		uint64_t offset = e->off ^ x->pool->refill.token;

		assert(x->tail - x->head <= ENTRIES);
		assert(offset < x->pool->area_size && offset % x->pool->buffer_length == 0);
		assert(e->len == x->pool->buffer_length && e->pad == 0);
	}
}

static void step(struct run *x)
{
	uint8_t op[2];

	eat(x, op, sizeof(op));
	if (op[0] % 4 == 0 || x->n_spans == 0) {
		try_take(x);
	} else if (op[0] % 4 == 1 && op[0] & 128) {
		try_join(x, op[1]);
	} else if (op[0] % 4 == 1) {
		take_entries(x, op[1]);
	} else if (op[0] % 4 == 2) {
		if (x->n_spans == SPANS_MAX)
			return;
		x->fresh = false;
		x->spans[x->n_spans] = x->spans[op[1] % x->n_spans];
		assert(zcrx_pool_hold(x->pool, x->spans[x->n_spans++].data) == 0);
	} else {
		struct zcrx_span *s = &x->spans[op[1] % x->n_spans];

		x->fresh = false;
		assert(zcrx_pool_return(x->pool, s->data) == 0);
		*s = x->spans[--x->n_spans];
	}
}

static struct zcrx_pool *new_pool(struct run *x, struct zcrx_lease *lease)
{
	struct zcrx_pool *p = calloc(1, sizeof(*p));
	uint8_t shape[4];

	assert(p);
	eat(x, shape, sizeof(shape));
	*p = (struct zcrx_pool) {
		.refs = 1,
		.users = 1,
		.lease = zcrx_lease_ref(lease),
		.buffer_length = (size_t)4096 << shape[0] % 4,
		.registered = true,
		.ring_fd = -EBADF,
		.area_fd = -EBADF,
		.given_fd = -EBADF,
		.node = -1,
	};
	p->area_size = p->buffer_length * (1 + shape[1] % ENTRIES);
	p->area = mmap(NULL, p->area_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert(p->area != MAP_FAILED);
	x->head = x->tail = shape[2] ? -(uint32_t)shape[2] : 0;
	assert(refill_init(&p->refill, &x->head, &x->tail, x->entries, ENTRIES,
			   (uint32_t)(p->area_size / p->buffer_length), (uint32_t)p->buffer_length,
			   (uint64_t)(shape[3] % 4) << ZC_AREA_SHIFT) == 0);
	return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int napi_id = 0;
	struct zcrx_lease lease = { .refs = 1, .napi_ids = &napi_id, .n_queues = 1 };
	struct run x = { .data = data, .size = size };

	x.pool = new_pool(&x, &lease);
	while (x.size > 0)
		step(&x);
	while (x.n_spans > 0)
		assert(zcrx_pool_return(x.pool, x.spans[--x.n_spans].data) == 0);
	do {
		take_entries(&x, UINT32_MAX);
		refill_settle(&x.pool->refill);
	} while (x.head != x.tail);
	assert(x.n_entries == x.n_taken && pool_spans_out(x.pool) == 0);
	zcrx_pool_unref(x.pool);
	assert(lease.refs == 1);
	return 0;
}
