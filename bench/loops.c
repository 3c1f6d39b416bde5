/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loops whose instructions are counted: see stepped.h. All receive from the same rings, keep
 * account of bytes for each connection, and return each buffer as soon as it was looked at.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "stepped.h"

#define ZCRX_ID 5U

struct connection {
	uint64_t bytes;
	int socket;
};

static struct connection connections[STEP_CONNECTIONS];
static unsigned int napi_id;
static struct zcrx_client client = { .refs = 1 };
static struct zcrx_lease lease = {
	.refs = 1, .client = &client, .handle = -EBADF, .n_queues = 1, .napi_ids = &napi_id
};

static void check(int r)
{
	if (r < 0)
		abort();
}

static void make_ring(struct io_uring *ring, struct step_rings *rings)
{
	*ring = (struct io_uring) {
		.flags = IORING_SETUP_CQE32 | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN,
		.features = IORING_FEAT_EXT_ARG,
		.ring_fd = -1,
		.enter_ring_fd = -1,
	};
	ring->sq.khead = &rings->sq_head;
	ring->sq.ktail = &rings->sq_tail;
	ring->sq.kflags = &rings->sq_flags;
	ring->sq.array = rings->array;
	ring->sq.sqes = rings->sqes;
	ring->sq.ring_mask = STEP_ENTRIES - 1;
	ring->sq.ring_entries = STEP_ENTRIES;
	ring->cq.khead = &rings->cq_head;
	ring->cq.ktail = &rings->cq_tail;
	ring->cq.kflags = &rings->cq_flags;
	ring->cq.koverflow = &rings->cq_overflow;
	ring->cq.cqes = (struct io_uring_cqe *)rings->cqes;
	ring->cq.ring_mask = STEP_ENTRIES - 1;
	ring->cq.ring_entries = STEP_ENTRIES;
}

static void arm(struct io_uring *ring, struct connection *c)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe)
		abort();
	io_uring_prep_rw(ZC_OP_RECV, sqe, c->socket, NULL, 0, 0);
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->file_index = ZCRX_ID;
	io_uring_sqe_set_data(sqe, c);
}

static void arm_all(struct io_uring *ring, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		connections[i].socket = 1;
		arm(ring, &connections[i]);
	}
}

/* A receive that is over: what is not met here is left out. */
static void ended(struct io_uring *ring, struct connection *c, int result)
{
	if (result != -ENOSPC)
		abort();
	arm(ring, c);
}

/* As little as can be done: a buffer is back on the refill ring before the next completion is
 * looked at, if there is room, as each completion is a reference of its own, of which there may be
 * more than entries. */
void loop_liburing(struct step_rings *rings, unsigned int n)
{
	uint32_t mask = STEP_ENTRIES - 1, tail = rings->rq_tail;
	struct io_uring ring;

	make_ring(&ring, rings);
	arm_all(&ring, n);
	for (;;) {
		struct io_uring_cqe *cqe;
		unsigned int head, seen = 0;

		check(io_uring_submit_and_wait(&ring, 1));
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			const struct zc_cqe *zc = (const struct zc_cqe *)cqe;
			struct connection *c = io_uring_cqe_get_data(cqe);
			struct zc_rqe *e;

			if (!(cqe->flags & IORING_CQE_F_MORE)) {
				seen++;
				ended(&ring, c, cqe->res);
				continue;
			}
			if (tail - io_uring_smp_load_acquire(&rings->rq_head) == STEP_ENTRIES)
				break;
			c->bytes += (uint32_t)cqe->res;
			rings->received += (uint32_t)cqe->res;
			e = &rings->rqes[tail++ & mask];
			e->off = zc->off & ~(uint64_t)(STEP_LENGTH - 1);
			e->len = STEP_LENGTH;
			seen++;
		}
		io_uring_smp_store_release(&rings->rq_tail, tail);
		io_uring_cq_advance(&ring, seen);
	}
}

static struct zcrx_pool *make_pool(struct step_rings *rings)
{
	struct zcrx_pool *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	*p = (struct zcrx_pool) {
		.refs = 1,
		.users = 1,
		.lease = &lease,
		.area_size = sizeof(rings->area),
		.buffer_length = STEP_LENGTH,
		.registered = true,
		.ring_fd = -EBADF,
		.area_fd = -EBADF,
		.given_fd = -EBADF,
		.page_fd = -EBADF,
		.node = -1,
		.area = rings->area,
		.registration = { .zcrx_id = ZCRX_ID },
	};
	check(refill_init(&p->refill, &rings->rq_head, &rings->rq_tail, rings->rqes, STEP_ENTRIES,
			  STEP_ENTRIES, STEP_LENGTH, 0));
	return p;
}

/* The pool on a ring of the program's own: it returns all at once what one turn has brought. */
void loop_pool(struct step_rings *rings, unsigned int n)
{
	struct zcrx_pool *pool = make_pool(rings);
	const void *spans[STEP_ENTRIES];
	struct io_uring ring;

	make_ring(&ring, rings);
	arm_all(&ring, n);
	for (;;) {
		struct io_uring_cqe *cqe;
		unsigned int head, seen = 0;
		size_t n_spans = 0;

		check(io_uring_submit_and_wait(&ring, 1));
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			struct connection *c = io_uring_cqe_get_data(cqe);
			struct zcrx_span span;

			seen++;
			if (zcrx_pool_take(pool, cqe, &span) != 1) {
				ended(&ring, c, cqe->res);
				continue;
			}
			c->bytes += span.length;
			rings->received += span.length;
			spans[n_spans++] = span.data;
		}
		check(zcrx_pool_return_many(pool, spans, n_spans));
		io_uring_cq_advance(&ring, seen);
	}
}

static void receive_by_queue(struct step_rings *rings, unsigned int n, bool join)
{
	struct zcrx_queue queue = {
		.refs = 1,
		.engine = &ring_engine,
		.lease = &lease,
		.pool = make_pool(rings),
		.zcrx_id = ZCRX_ID,
		.event_fd = -EBADF,
		.epoll = -EBADF,
		.handle = -EBADF,
		.registered = true,
		.enabled = true,
		.join = join,
	};
	struct zcrx_stream *stream;

	make_ring(&queue.ring, rings);
	for (unsigned int i = 0; i < n; i++)
		check(zcrx_queue_receive(&queue, 1, &connections[i], &stream));
	for (;;) {
		const struct zcrx_event *e;
		struct connection *c;

		check(zcrx_queue_wait(&queue, -1, &e));
		if (e->type != ZCRX_EVENT_DATA)
			abort();
		c = e->userdata;
		c->bytes += e->length;
		rings->received += e->length;
		check(zcrx_queue_return(&queue, e->data));
	}
}

void loop_queue(struct step_rings *rings, unsigned int n)
{
	receive_by_queue(rings, n, false);
}

void loop_joined(struct step_rings *rings, unsigned int n)
{
	receive_by_queue(rings, n, true);
}
