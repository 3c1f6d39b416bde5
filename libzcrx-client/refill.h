/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The refill ring, and who has each buffer. Arithmetic on memory that it is given: no system calls,
 * no allocation of its own memory but the table of buffers, so that it is tested without a kernel.
 * Called by pool-register.c (set up) and span.c (data path).
 *
 * A buffer can be out several times at once: each completion takes a reference of its own, and the
 * kernel wants one entry for each. So there can be more references than the ring has entries even
 * though it is at least as large as the number of buffers; what does not fit stays in a list.
 *
 * Everything may be called by any thread, refill_take() by each that receives. Nobody waits:
 * who returns puts the buffer on a list, and then tries to become the one who moves the list to the ring
 * (`busy`). Who fails leaves that to the one who is at it, who looks at the list once more afterwards. So
 * returned buffers reach the NIC also while the receiving thread sleeps.
 *
 * Processes that share the ring have a lock of one word between them, which is only tried for: what was
 * returned waits on its process's own list until the next one is, so that whoever dies with the lock holds
 * up nobody; see refill_sweep().
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "uapi-zcrx.h"

struct refill_buffer {
	/* References that the application has. Lower half: the kernel's, of which it wants each back. Upper
	 * half: those that the application has made of them, which are given up first. */
	uint64_t held;
	uint32_t use;	   /* counts how often it came to be out */
	uint32_t returned; /* entries that the kernel is still to be given; on a list unless 0 */
	uint32_t next;
	/* Of a piece that goes on in the following buffers: lower half, where in this one it begins; upper half,
	 * in how many more it is. As it reaches the end of this buffer there is one such piece at most. */
	uint64_t joined;
};

struct refill {
	/* Shared with the kernel, which moves *head. */
	uint32_t *head;
	uint32_t *tail;
	struct zc_rqe *entries;

	uint32_t n_entries; /* a power of two */
	uint32_t n_buffers;
	uint32_t buffer_length;
	uint32_t buffer_shift; /* its logarithm: each buffer would cost some divisions */
	uint64_t token; /* marks the area in the offsets of entries */
	struct refill_buffer *buffers;

	uint32_t list; /* returned, the latest first; REFILL_NONE if empty */
	uint32_t busy; /* somebody moves buffers from the lists to the ring. What follows is theirs: */
	uint32_t local_tail; /* what *tail is; the kernel cannot make us believe otherwise */
	uint32_t first;	     /* taken from the list, oldest first */
	uint32_t last;
	bool stuck;
	uint64_t full; /* how often there was no room for what was returned; atomic */

	/* Of several processes that fill the ring: 1 while one of them writes to it; NULL: there is one. */
	uint32_t *lock;
};

#define REFILL_NONE UINT32_MAX

/* The smallest refill ring for that many buffers, or 0 if the kernel has none so large. */
uint32_t refill_entries_for(uint64_t n_buffers);

/* -EINVAL if the numbers make no ring, -ENOMEM. */
int refill_init(struct refill *r, uint32_t *head, uint32_t *tail, struct zc_rqe *entries,
		uint32_t n_entries, uint32_t n_buffers, uint32_t buffer_length, uint64_t token);
/* From here on nobody touches the ring; buffers may still be given back. */
void refill_close(struct refill *r);
void refill_done(struct refill *r);

/* What was known of the piece that lay where this one lies, which was given back, is over. */
void refill_forget_joined(const struct refill *r, struct refill_buffer *b, uint64_t end);

/* A completion says that `length` bytes at `off` are the application's. Gives the offset in the
 * area; -EBADMSG if they are not within one buffer. Here, because each completion goes through it. */
static inline int refill_take(struct refill *r, uint64_t off, uint32_t length, uint64_t *ret_offset)
{
	uint64_t offset = off & ((UINT64_C(1) << ZC_AREA_SHIFT) - 1);
	uint64_t buffer = offset >> r->buffer_shift;
	struct refill_buffer *b;

	if ((off ^ r->token) >> ZC_AREA_SHIFT || buffer >= r->n_buffers || length == 0 ||
	    length > r->buffer_length - (offset & (r->buffer_length - 1)))
		return -EBADMSG;
	b = &r->buffers[buffer];
	/* It was in nobody's hands, so that nobody else counts. */
	if (__atomic_fetch_add(&b->held, 1, __ATOMIC_RELAXED) == 0)
		__atomic_store_n(&b->use, b->use + 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&b->joined, __ATOMIC_RELAXED) != 0)
		refill_forget_joined(r, b, offset + length);
	*ret_offset = offset;
	return 0;
}

/*
 * The same of a completion that may go on where a piece ends, of `length` bytes at `offset`, which nobody has seen
 * yet: they are one from then on. 1: another buffer is out for it; 0: it is the same buffer, which then
 * counts once; -ENXIO: it is not the next, and nothing has changed.
 */
int refill_join(struct refill *r, uint64_t offset, uint64_t length, uint64_t off, uint32_t more);

/* In how many buffers beyond the first one the piece is that begins at `offset`. Who holds or gives it does so with
 * each of them, in order. */
uint32_t refill_joined(const struct refill *r, uint64_t offset);

/* Which buffer that is, and which use of it; whether that use still lasts. */
void refill_use(const struct refill *r, uint64_t offset, uint32_t *ret_buffer, uint32_t *ret_use);
int refill_is_out(const struct refill *r, uint32_t buffer, uint32_t use);

/* One more reference to the buffer at `offset` of the area; -EINVAL if it is not out, -EOVERFLOW. */
int refill_hold(struct refill *r, uint64_t offset);

/* The application returns the buffer at `offset` of the area; -EINVAL if that is not out. It reaches
 * the ring with the next refill_settle(). */
int refill_give(struct refill *r, uint64_t offset);

/* The same of what is to reach the ring now, as far as there is room: as refill_settle() after it, and cheaper.
 * 1: nothing was done, as the piece that begins there goes on in other buffers. */
int refill_return(struct refill *r, uint64_t offset);

/* Gives up all references without returning anything; how many there were. */
uint64_t refill_forget(struct refill *r);

/* From here on the ring is filled by other processes, too. */
void refill_share(struct refill *r, uint32_t *lock);

/*
 * The other processes have died, and with them what was known of their buffers: puts an entry on the ring
 * for each buffer from *at on that is not out here, as far as there is room, and moves *at. The kernel
 * takes no notice of an entry for a buffer that nobody has. So nothing may be received meanwhile, and no
 * completion be waiting to be taken. How many entries. */
uint32_t refill_sweep(struct refill *r, uint32_t *at);

/* Moves what it can from the lists to the ring. */
void refill_settle(struct refill *r);

/* Entries that the kernel has not taken yet. */
uint32_t refill_queued(const struct refill *r);
