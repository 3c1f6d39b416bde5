/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See refill.h. */
#include "refill.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "macro.h"

uint32_t refill_entries_for(uint64_t n_buffers)
{
	uint32_t n = 1;

	if (n_buffers == 0 || n_buffers > ZC_MAX_ENTRIES)
		return 0;
	while (n < n_buffers)
		n <<= 1;
	return n;
}

static int is_power_of_two(uint32_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

int refill_init(struct refill *r, uint32_t *head, uint32_t *tail, struct zc_rqe *entries,
		uint32_t n_entries, uint32_t n_buffers, uint32_t buffer_length, uint64_t token)
{
	struct refill_buffer *buffers;

	if (!is_power_of_two(n_entries) || !is_power_of_two(buffer_length) || n_buffers == 0 ||
	    n_buffers > n_entries)
		return -EINVAL;
	buffers = calloc(n_buffers, sizeof(*buffers));
	if (!buffers)
		return -ENOMEM;
	*r = (struct refill) {
		.head = head,
		.tail = tail,
		.entries = entries,
		.n_entries = n_entries,
		.n_buffers = n_buffers,
		.buffer_length = buffer_length,
		.token = token,
		.local_tail = __atomic_load_n(tail, __ATOMIC_RELAXED),
		.first = REFILL_NONE,
		.last = REFILL_NONE,
		.buffers = buffers,
	};
	return 0;
}

void refill_done(struct refill *r)
{
	free(r->buffers);
	*r = (struct refill) {};
}

/* Pairs with the kernel's release of the head: the slot behind it may be written again. */
uint32_t refill_queued(const struct refill *r)
{
	return r->local_tail - __atomic_load_n(r->head, __ATOMIC_ACQUIRE);
}

static int is_full(const struct refill *r)
{
	return refill_queued(r) >= r->n_entries;
}

static void put(struct refill *r, uint32_t buffer)
{
	struct zc_rqe *e = &r->entries[r->local_tail & (r->n_entries - 1)];

	e->off = (uint64_t)buffer * r->buffer_length | r->token;
	e->len = r->buffer_length;
	e->pad = 0;
	/* The entry before the tail: the kernel loads the tail with acquire. */
	__atomic_store_n(r->tail, ++r->local_tail, __ATOMIC_RELEASE);
}

static void defer(struct refill *r, uint32_t buffer)
{
	struct refill_buffer *b = &r->buffers[buffer];

	if (b->waiting++ > 0)
		return; /* in the backlog already */
	b->next = REFILL_NONE;
	if (r->first == REFILL_NONE)
		r->first = buffer;
	else
		r->buffers[r->last].next = buffer;
	r->last = buffer;
}

void refill_settle(struct refill *r)
{
	while (r->first != REFILL_NONE && !is_full(r)) {
		struct refill_buffer *b = &r->buffers[r->first];

		assert(b->waiting > 0);
		put(r, r->first);
		if (--b->waiting == 0)
			r->first = b->next;
	}
}

int refill_take(struct refill *r, uint64_t off, uint32_t length, uint64_t *ret_offset)
{
	uint64_t offset = off & ((UINT64_C(1) << ZC_AREA_SHIFT) - 1);
	uint64_t buffer = offset / r->buffer_length;

	if ((off ^ r->token) >> ZC_AREA_SHIFT || buffer >= r->n_buffers || length == 0 ||
	    length > r->buffer_length - (offset & (r->buffer_length - 1)))
		return -EBADMSG;
	r->buffers[buffer].held++;
	r->n_held++;
	*ret_offset = offset;
	return 0;
}

int refill_give(struct refill *r, uint64_t offset)
{
	uint64_t buffer = offset / r->buffer_length;

	if (buffer >= r->n_buffers || r->buffers[buffer].held == 0)
		return -EINVAL;
	r->buffers[buffer].held--;
	r->n_held--;
	refill_settle(r);
	if (is_full(r))
		defer(r, (uint32_t)buffer);
	else
		put(r, (uint32_t)buffer);
	return 0;
}
