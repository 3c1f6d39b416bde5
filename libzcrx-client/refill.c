/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See refill.h. */
#include "refill.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "macro.h"

#define ONE_MORE   (UINT64_C(1) << 32) /* in refill_buffer.held */
#define LOCK_TRIES 100		       /* for what is held as long as it takes to write some entries */

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
		.buffer_shift = (uint32_t)__builtin_ctz(buffer_length),
		.token = token,
		.buffers = buffers,
		.list = REFILL_NONE,
		.local_tail = __atomic_load_n(tail, __ATOMIC_RELAXED),
		.first = REFILL_NONE,
		.last = REFILL_NONE,
	};
	return 0;
}

void refill_done(struct refill *r)
{
	free(r->buffers);
	*r = (struct refill) {};
}

static bool is_shared(const struct refill *r)
{
	return __atomic_load_n(&r->lock, __ATOMIC_RELAXED);
}

/* Pairs with the kernel's release of the head: the slot behind it may be written again. */
uint32_t refill_queued(const struct refill *r)
{
	return __atomic_load_n(is_shared(r) ? r->tail : &r->local_tail, __ATOMIC_RELAXED) -
	       __atomic_load_n(r->head, __ATOMIC_ACQUIRE);
}

/* Whoever is `busy` has to have it, too, before he writes to the ring; the tail is as the others left it. */
static bool lock_ring(struct refill *r)
{
	if (!is_shared(r))
		return true;
	for (unsigned int tries = 0; tries < LOCK_TRIES; tries++) {
		uint32_t expected = 0;

		if (!__atomic_compare_exchange_n(r->lock, &expected, 1, false, __ATOMIC_ACQUIRE,
						 __ATOMIC_RELAXED))
			continue;
		__atomic_store_n(&r->local_tail, __atomic_load_n(r->tail, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
		return true;
	}
	return false;
}

/* The entries before the tail: the kernel loads the tail with acquire. */
static void unlock_ring(struct refill *r)
{
	if (r->local_tail != __atomic_load_n(r->tail, __ATOMIC_RELAXED))
		__atomic_store_n(r->tail, r->local_tail, __ATOMIC_RELEASE);
	if (is_shared(r))
		__atomic_store_n(r->lock, 0, __ATOMIC_RELEASE);
}

/* Takes over what is on the list: behind what is left of it from before, in the order of arrival. */
static void collect(struct refill *r)
{
	uint32_t at = __atomic_exchange_n(&r->list, REFILL_NONE, __ATOMIC_ACQUIRE);
	uint32_t newest = at, oldest = REFILL_NONE;

	while (at != REFILL_NONE) {
		uint32_t next = r->buffers[at].next;

		r->buffers[at].next = oldest;
		oldest = at;
		at = next;
	}
	if (oldest == REFILL_NONE)
		return;
	if (r->first == REFILL_NONE)
		r->first = oldest;
	else
		r->buffers[r->last].next = oldest;
	r->last = newest;
}

static void put(struct refill *r, uint32_t buffer, uint32_t tail)
{
	struct zc_rqe *e = &r->entries[tail & (r->n_entries - 1)];

	e->off = (uint64_t)buffer * r->buffer_length | r->token;
	e->len = r->buffer_length;
	e->pad = 0;
}

/* Of the oldest buffer as many entries as fit; false if the ring is full. As soon as nothing is owed for it,
 * whoever returns it puts it on the list again: `next` is read before. */
static bool move_first(struct refill *r)
{
	struct refill_buffer *b = &r->buffers[r->first];
	uint32_t next = b->next, queued = refill_queued(r);
	uint32_t room = queued < r->n_entries ? r->n_entries - queued : 0;
	uint32_t n = __atomic_load_n(&b->returned, __ATOMIC_ACQUIRE);

	if (room == 0)
		return false;
	if (n > room)
		n = room;
	for (uint32_t i = 0; i < n; i++)
		put(r, r->first, r->local_tail + i);
	/* Only we write it; refill_queued() is called by others, too. */
	__atomic_store_n(&r->local_tail, r->local_tail + n, __ATOMIC_RELAXED);
	if (__atomic_sub_fetch(&b->returned, n, __ATOMIC_ACQ_REL) == 0)
		r->first = next;
	return true;
}

/* Once for each time that it comes to be so. */
static void note_full(struct refill *r)
{
	bool stuck = r->first != REFILL_NONE;

	if (stuck && !r->stuck)
		__atomic_store_n(&r->full, r->full + 1, __ATOMIC_RELAXED);
	r->stuck = stuck;
}

/*
 * Sequentially consistent: who puts a buffer on the list and then finds `busy` set can rely on its holder
 * seeing that buffer after having cleared it.
 */
void refill_settle(struct refill *r)
{
	bool locked;

	do {
		if (__atomic_exchange_n(&r->busy, 1, __ATOMIC_SEQ_CST))
			return;
		locked = lock_ring(r);
		if (locked) {
			collect(r);
			while (r->first != REFILL_NONE && move_first(r))
				;
			note_full(r);
			unlock_ring(r);
		}
		__atomic_store_n(&r->busy, 0, __ATOMIC_SEQ_CST);
	} while (locked && __atomic_load_n(&r->list, __ATOMIC_SEQ_CST) != REFILL_NONE);
}

void refill_close(struct refill *r)
{
	while (__atomic_exchange_n(&r->busy, 1, __ATOMIC_SEQ_CST))
		sched_yield();
}

static void reopen(struct refill *r)
{
	__atomic_store_n(&r->busy, 0, __ATOMIC_SEQ_CST);
}

/* What somebody of us is writing just now is written before another process hears of the lock. */
void refill_share(struct refill *r, uint32_t *lock)
{
	refill_close(r);
	__atomic_store_n(&r->lock, lock, __ATOMIC_RELAXED);
	reopen(r);
}

static bool is_out(const struct refill_buffer *b)
{
	return __atomic_load_n(&b->held, __ATOMIC_RELAXED) != 0 ||
	       __atomic_load_n(&b->returned, __ATOMIC_ACQUIRE) != 0;
}

uint32_t refill_sweep(struct refill *r, uint32_t *at)
{
	uint32_t n = 0, room;

	refill_close(r);
	if (is_shared(r)) /* there is nobody else who could have it */
		__atomic_store_n(r->lock, 1, __ATOMIC_RELAXED);
	r->local_tail = __atomic_load_n(r->tail, __ATOMIC_RELAXED);
	room = refill_queued(r) < r->n_entries ? r->n_entries - refill_queued(r) : 0;
	for (; *at < r->n_buffers && n < room; ++*at)
		if (!is_out(&r->buffers[*at]))
			put(r, *at, r->local_tail + n++);
	__atomic_store_n(&r->local_tail, r->local_tail + n, __ATOMIC_RELAXED);
	unlock_ring(r);
	reopen(r);
	return n;
}

/* Its owner knew that; others, who have another part of the buffer, may look at the same time. */
void refill_forget_joined(const struct refill *r, struct refill_buffer *b, uint64_t end)
{
	uint64_t joined = __atomic_load_n(&b->joined, __ATOMIC_RELAXED);

	while (joined != 0 && ((end - 1) & (r->buffer_length - 1)) >= (uint32_t)joined &&
	       !__atomic_compare_exchange_n(&b->joined, &joined, 0, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void refill_use(const struct refill *r, uint64_t offset, uint32_t *ret_buffer, uint32_t *ret_use)
{
	*ret_buffer = (uint32_t)(offset >> r->buffer_shift);
	*ret_use = __atomic_load_n(&r->buffers[*ret_buffer].use, __ATOMIC_RELAXED);
}

int refill_is_out(const struct refill *r, uint32_t buffer, uint32_t use)
{
	const struct refill_buffer *b = &r->buffers[buffer];

	return __atomic_load_n(&b->use, __ATOMIC_RELAXED) == use && __atomic_load_n(&b->held, __ATOMIC_RELAXED) != 0;
}

static struct refill_buffer *buffer_at(const struct refill *r, uint64_t offset)
{
	uint64_t buffer = offset >> r->buffer_shift;

	return buffer < r->n_buffers ? &r->buffers[buffer] : NULL;
}

int refill_hold(struct refill *r, uint64_t offset)
{
	struct refill_buffer *b = buffer_at(r, offset);
	uint64_t held;

	if (!b)
		return -EINVAL;
	held = __atomic_load_n(&b->held, __ATOMIC_RELAXED);
	do {
		if ((uint32_t)held == 0)
			return -EINVAL;
		if (held >> 32 == UINT32_MAX)
			return -EOVERFLOW;
	} while (!__atomic_compare_exchange_n(&b->held, &held, held + ONE_MORE, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return 0;
}

static void push(struct refill *r, struct refill_buffer *b)
{
	uint32_t list = __atomic_load_n(&r->list, __ATOMIC_RELAXED);

	do
		b->next = list;
	while (!__atomic_compare_exchange_n(&r->list, &list, (uint32_t)(b - r->buffers), true,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
}

/* Gives up a reference. 1: it was one of the kernel's, which is still to have an entry for it; -EINVAL: there was none. */
static inline int drop_reference(struct refill_buffer *b)
{
	uint64_t held, left;

	if (!b)
		return -EINVAL;
	held = __atomic_load_n(&b->held, __ATOMIC_RELAXED);
	do {
		if ((uint32_t)held == 0)
			return -EINVAL;
		left = held - (held >= ONE_MORE ? ONE_MORE : 1);
		/* What this thread has read from the buffer comes before whatever the NIC writes next. */
	} while (!__atomic_compare_exchange_n(&b->held, &held, left, true, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	return held < ONE_MORE;
}

static void owe(struct refill *r, struct refill_buffer *b)
{
	if (__atomic_fetch_add(&b->returned, 1, __ATOMIC_ACQ_REL) == 0)
		push(r, b);
}

int refill_give(struct refill *r, uint64_t offset)
{
	struct refill_buffer *b = buffer_at(r, offset);
	int owed = drop_reference(b);

	if (owed > 0)
		owe(r, b);
	return owed < 0 ? owed : 0;
}

/* What is alone, with nothing on the lists before it, needs no place there. False: it does. */
static inline bool put_directly(struct refill *r, const struct refill_buffer *b)
{
	uint32_t tail;

	if (is_shared(r) || __atomic_load_n(&r->list, __ATOMIC_RELAXED) != REFILL_NONE ||
	    __atomic_exchange_n(&r->busy, 1, __ATOMIC_SEQ_CST))
		return false;
	tail = r->local_tail;
	if (r->first != REFILL_NONE || is_shared(r) ||
	    tail - __atomic_load_n(r->head, __ATOMIC_ACQUIRE) >= r->n_entries) {
		__atomic_store_n(&r->busy, 0, __ATOMIC_SEQ_CST);
		return false;
	}
	put(r, (uint32_t)(b - r->buffers), tail);
	__atomic_store_n(&r->local_tail, tail + 1, __ATOMIC_RELAXED);
	__atomic_store_n(r->tail, tail + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&r->busy, 0, __ATOMIC_SEQ_CST);
	/* Who has put something there meanwhile has left it to us, as in refill_settle(). */
	if (__atomic_load_n(&r->list, __ATOMIC_SEQ_CST) != REFILL_NONE)
		refill_settle(r);
	return true;
}

static inline uint32_t joined_at(const struct refill *r, const struct refill_buffer *b, uint64_t offset)
{
	uint64_t joined = b ? __atomic_load_n(&b->joined, __ATOMIC_RELAXED) : 0;

	return (uint32_t)joined == (offset & (r->buffer_length - 1)) ? (uint32_t)(joined >> 32) : 0;
}

int refill_return(struct refill *r, uint64_t offset)
{
	struct refill_buffer *b = buffer_at(r, offset);
	int owed;

	if (joined_at(r, b, offset) > 0)
		return 1;
	owed = drop_reference(b);
	if (owed <= 0 || put_directly(r, b))
		return owed < 0 ? owed : 0;
	owe(r, b);
	refill_settle(r);
	return 0;
}

int refill_join(struct refill *r, uint64_t offset, uint64_t length, uint64_t off, uint32_t more)
{
	uint64_t first = offset >> r->buffer_shift, last = (offset + length - 1) >> r->buffer_shift, next;

	if ((off & ((UINT64_C(1) << ZC_AREA_SHIFT) - 1)) != offset + length || refill_take(r, off, more, &next) < 0)
		return -ENXIO;
	if (next >> r->buffer_shift == last) {
		(void)refill_give(r, next);
		return 0;
	}
	__atomic_store_n(&r->buffers[first].joined,
			 (last + 1 - first) << 32 | (offset & (r->buffer_length - 1)), __ATOMIC_RELAXED);
	return 1;
}

uint32_t refill_joined(const struct refill *r, uint64_t offset)
{
	return joined_at(r, buffer_at(r, offset), offset);
}

uint64_t refill_forget(struct refill *r)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < r->n_buffers; i++) {
		uint64_t held = __atomic_exchange_n(&r->buffers[i].held, 0, __ATOMIC_ACQ_REL);

		n += (held >> 32) + (uint32_t)held;
	}
	return n;
}
