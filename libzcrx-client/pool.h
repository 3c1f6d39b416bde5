/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lower layer: the buffers of one leased queue, on whatever ring they were registered. pool.c is the
 * pool as an object, pool-register.c brings it to life with memory from area.c, span.c is the data path, refill.c the arithmetic of
 * the latter. A ring is its descriptor here: there is no liburing, no loop, no socket and no thread.
 */
#pragma once

#include "internal.h"
#include "refill.h"

/* What Register answers: how to find everything in the mapping of the refill ring. */
struct registration {
	uint32_t zcrx_id;
	uint32_t refill_entries;
	uint64_t refill_size;
	uint64_t refill_map_offset;
	uint32_t head_offset;
	uint32_t tail_offset;
	uint32_t entries_offset;
	uint64_t stats_offset; /* 0: no statistics */
	uint64_t area_token;
	uint32_t buffer_length;
	uint32_t napi_id;
};

struct zcrx_pool {
	unsigned int refs; /* the application's */
	uint64_t users;	   /* references to spans, and one for the application's together: atomic */
	struct zcrx_lease *lease;
	unsigned int index;

	size_t area_size;
	size_t buffer_length;
	bool huge_pages;
	int node;     /* -1: the NIC's */
	int given_fd; /* the application's own area, if not -EBADF: where it is, */
	uint64_t given_offset;
	void *given_data; /* and where it is mapped, if it is */
	bool dmabuf;	  /* it is a dma-buf, which nobody maps: spans are known by their offsets */

	bool registered;
	uint64_t call; /* number of the one that registers it */
	bool left_ring;
	bool no_flush; /* the kernel cannot flush the refill ring; atomic */
	int ring_fd;   /* a duplicate */
	int area_fd;
	void *area;
	void *region; /* refill ring and statistics */
	struct registration registration;
	struct refill refill;
	const struct zc_stats *stats;
	uint64_t staged; /* bytes; atomic */
	uint64_t starved_nic, starved_copy, completions_full; /* atomic */

	bool events; /* the kernel's are wanted, with this user_data */
	uint64_t event_user_data;
	unsigned int fired;	  /* of them, to be armed again: a bit each; atomic */
	unsigned int since_fired; /* spans; atomic */

	bool attaches;		 /* to a queue that another process has registered */
	struct share_page *page; /* NULL: no other process takes part */
	int page_fd;
};

/* pool-register.c: as zcrx_pool_register(), also without a ring (-EBADF). */
int pool_register(struct zcrx_pool *p, int ring_fd);

/* pool.c. Whether it is being registered, by a client that does not block. */
bool pool_is_registering(const struct zcrx_pool *p);
/* Undoes what pool-register.c did, when that failed or is not needed any more. */
void pool_reset(struct zcrx_pool *p);
void pool_free(struct zcrx_pool *p);
/* From here on it only has its memory, for the spans that are out. */
void pool_leave_ring(struct zcrx_pool *p);
size_t pool_page_size(void);
/* References to spans that the application has. */
uint64_t pool_spans_out(const struct zcrx_pool *p);
/* Takes its spans from an application that has no way to return them. */
void pool_forget_spans(struct zcrx_pool *p);

/* counters.c: arms the kernel's events again, in a thread that receives. */
void pool_arm_events(struct zcrx_pool *p);

/* share.c. As backend.register_pool(), of a pool that attaches. */
int share_register(struct zcrx_pool *p, int ring_fd);
/* From here on the refill ring is filled by other processes, too. */
void share_begin(struct zcrx_pool *p);
void share_done(struct zcrx_pool *p);

/* The memory goes with the last span, and the pool with it. */
static inline void pool_drop_users(struct zcrx_pool *p, uint64_t n)
{
	if (n > 0 && __atomic_sub_fetch(&p->users, n, __ATOMIC_ACQ_REL) == 0)
		pool_free(p);
}

static inline void pool_add_user(struct zcrx_pool *p)
{
	__atomic_add_fetch(&p->users, 1, __ATOMIC_RELAXED);
}

static inline void *pool_data(const struct zcrx_pool *p, uint64_t offset)
{
	return p->dmabuf ? NULL : (char *)p->area + offset;
}

/* What a completion with ZC_CQE_F_MORE brings: its offset in the area, or negative errno. Here, because each goes
 * through it. */
static inline int64_t pool_take(struct zcrx_pool *p, const struct zc_cqe *c)
{
	uint64_t offset;
	int r;

	if (c->result <= 0)
		return -EBADMSG;
	/* First: from the moment that it is out, somebody may return it, if only by mistake. */
	pool_add_user(p);
	r = refill_take(&p->refill, c->off, (uint32_t)c->result, &offset);
	if (r < 0) {
		pool_drop_users(p, 1);
		return r;
	}
	if (__atomic_load_n(&p->fired, __ATOMIC_RELAXED) != 0)
		pool_arm_events(p);
	return (int64_t)offset;
}

/* span.c: whether the completion brings what lies right behind `length` bytes at `offset` of the area, which the
 * application has not seen yet. Then it is taken, and both are one. */
int pool_join(struct zcrx_pool *p, const void *cqe, uint64_t offset, size_t length);

/* area.c: how many buffers it will be, having rounded the sizes; then their memory. */
int pool_settle_sizes(struct zcrx_pool *p, uint64_t *ret_buffers);
int pool_make_area(struct zcrx_pool *p);
/* How many entries its refill ring should have. */
uint32_t pool_refill_entries(const struct zcrx_pool *p);

/* numa.c: a node, or -1; whether it took effect. */
int numa_node_of(const char *interface);
int numa_prefer(void *data, size_t size, int node);

/* ring-call.c: io_uring_register(2). ring-make.c: a small disabled ring that zero copy could be registered on. */
int ring_register(int ring_fd, unsigned int op, void *arg, unsigned int n_args);
int ring_make(void);
