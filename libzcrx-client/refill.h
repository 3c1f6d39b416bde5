/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The refill ring, and who has each buffer. Arithmetic on memory that it is given: no system calls,
 * no allocation of its own memory but the table of buffers, so that it is tested without a kernel.
 * Called by queue.c (set up) and receive.c (data path), from one thread.
 *
 * A buffer can be out several times at once: each completion takes a reference of its own, and the
 * kernel wants one entry for each. So there can be more references than the ring has entries even
 * though it is at least as large as the number of buffers; what does not fit waits in a backlog.
 */
#pragma once

#include <stdint.h>

#include "uapi-zcrx.h"

struct refill_buffer {
	uint32_t held;	  /* references that the application has */
	uint32_t waiting; /* references that it returned and that found the ring full */
	uint32_t next;	  /* the next buffer with such references */
};

struct refill {
	/* Shared with the kernel, which moves *head. */
	uint32_t *head;
	uint32_t *tail;
	struct zc_rqe *entries;

	uint32_t n_entries; /* a power of two */
	uint32_t n_buffers;
	uint32_t buffer_length;
	uint64_t token;	     /* marks the area in the offsets of entries */
	uint32_t local_tail; /* what *tail is; the kernel cannot make us believe otherwise */
	uint32_t first;	     /* backlog, oldest first; REFILL_NONE if empty */
	uint32_t last;
	uint64_t n_held; /* references that the application has, in all */
	struct refill_buffer *buffers;
};

#define REFILL_NONE UINT32_MAX

/* The smallest refill ring for that many buffers, or 0 if the kernel has none so large. */
uint32_t refill_entries_for(uint64_t n_buffers);

/* -EINVAL if the numbers make no ring, -ENOMEM. */
int refill_init(struct refill *r, uint32_t *head, uint32_t *tail, struct zc_rqe *entries,
		uint32_t n_entries, uint32_t n_buffers, uint32_t buffer_length, uint64_t token);
void refill_done(struct refill *r);

/* A completion says that `length` bytes at `off` are the application's. Gives the offset in the
 * area; -EBADMSG if they are not within one buffer. */
int refill_take(struct refill *r, uint64_t off, uint32_t length, uint64_t *ret_offset);

/* The application returns the buffer at `offset` of the area; -EINVAL if that is not out. */
int refill_give(struct refill *r, uint64_t offset);

/* Moves what it can from the backlog to the ring. */
void refill_settle(struct refill *r);

/* Entries that the kernel has not taken yet. */
uint32_t refill_queued(const struct refill *r);
