/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fastest way to receive into ordinary memory: io_uring, one multishot receive for each
 * connection, buffers from a ring that the kernel picks from. What zero copy is compared with.
 */
#include <errno.h>

#include <liburing.h>

#include "macro.h"
#include "session.h"

#define BUFFERS	    256
#define BUFFER_SIZE ((size_t)64 << 10)
#define GROUP	    0

struct reader {
	struct io_uring ring;
	struct io_uring_buf_ring *buffers;
	char *memory;
};

static int open_read(struct session *s)
{
	struct reader *y = calloc(1, sizeof(*y));
	int r;

	s->of_mode = y;
	if (!y)
		return fail("Out of memory.");
	r = io_uring_queue_init(256, &y->ring,
				IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
					IORING_SETUP_TASKRUN_FLAG);
	if (r < 0) {
		free(y);
		s->of_mode = NULL;
		return fail("Cannot create an io_uring: %s. See sysctl kernel.io_uring_disabled.",
			    strerror(-r));
	}
	/* Not one that defers work until it is asked for: who polls it hears nothing of it, and an eventfd hears
	 * of it late, after a grace period of RCU. */
	s->fd = y->ring.ring_fd;
	y->memory = aligned_alloc(4096, BUFFERS * BUFFER_SIZE);
	y->buffers = io_uring_setup_buf_ring(&y->ring, BUFFERS, GROUP, 0, &r);
	if (!y->memory || !y->buffers)
		return fail("Cannot set buffers up: %s.", strerror(y->memory ? -r : ENOMEM));
	for (int i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(y->buffers, y->memory + (size_t)i * BUFFER_SIZE, BUFFER_SIZE,
				      (unsigned short)i, io_uring_buf_ring_mask(BUFFERS), i);
	io_uring_buf_ring_advance(y->buffers, BUFFERS);
	return STATUS_DONE;
}

static int add(struct session *s, struct connection *c)
{
	struct reader *y = s->of_mode;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&y->ring);

	if (!sqe) {
		io_uring_submit(&y->ring);
		sqe = io_uring_get_sqe(&y->ring);
	}
	if (!sqe)
		return fail("Cannot start to receive: the submission queue is full.");
	io_uring_prep_recv_multishot(sqe, c->socket, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	io_uring_sqe_set_data(sqe, c);
	io_uring_submit(&y->ring);
	return STATUS_DONE;
}

static void give_back(struct reader *y, unsigned int id)
{
	io_uring_buf_ring_add(y->buffers, y->memory + id * BUFFER_SIZE, BUFFER_SIZE,
			      (unsigned short)id, io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(y->buffers, 1);
}

static int handle(struct session *s, struct reader *y, struct connection *c, int result,
		  unsigned int flags)
{
	if (flags & IORING_CQE_F_BUFFER) {
		unsigned int id = flags >> IORING_CQE_BUFFER_SHIFT;

		if (result > 0 && !c->ended)
			session_data(c, y->memory + id * BUFFER_SIZE, (size_t)result);
		give_back(y, id);
	}
	if (flags & IORING_CQE_F_MORE || c->ended)
		return STATUS_DONE;
	if (result == 0)
		session_end(c, NULL);
	else if (result > 0 || result == -ENOBUFS)
		return add(s, c); /* buffers or completions ran out */
	else
		session_end(c, strerror(-result));
	return STATUS_DONE;
}

static int process(struct session *s)
{
	struct reader *y = s->of_mode;
	struct io_uring_cqe *cqe;
	int r = STATUS_DONE;

	s->more = false;
	for (unsigned int n = 0; r == STATUS_DONE && !s->more && io_uring_peek_cqe(&y->ring, &cqe) == 0;) {
		struct connection *c = io_uring_cqe_get_data(cqe);
		unsigned int flags = cqe->flags;
		int result = cqe->res;

		io_uring_cqe_seen(&y->ring, cqe);
		r = handle(s, y, c, result, flags);
		s->more = ++n == EVENTS_AT_ONCE;
	}
	return r;
}

/* What came meanwhile, of whatever connection: nobody wants it any more. */
static void discard(struct reader *y)
{
	struct io_uring_cqe *cqe;

	io_uring_get_events(&y->ring);
	while (io_uring_peek_cqe(&y->ring, &cqe) == 0) {
		if (cqe->flags & IORING_CQE_F_BUFFER)
			give_back(y, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
		io_uring_cqe_seen(&y->ring, cqe);
	}
}

static void remove_connection(struct session *s, struct connection *c)
{
	struct reader *y = s->of_mode;
	struct io_uring_sync_cancel_reg cancel = {
		.addr = (uintptr_t)c,
		.timeout = { .tv_sec = -1, .tv_nsec = -1 },
	};

	/* The request of one that has ended is over. Of others it has to be, before somebody else receives from
	 * the socket, or the connection's memory is used again. */
	if (c->ended)
		return;
	io_uring_register_sync_cancel(&y->ring, &cancel);
	discard(y);
}

static void count(struct session *s)
{
	s->copies_known = true;
	s->copied_bytes = s->bytes;
}

static void close_read(struct session *s)
{
	struct reader *y = s->of_mode;

	count(s);
	if (!y)
		return;
	if (y->buffers)
		io_uring_free_buf_ring(&y->ring, y->buffers, BUFFERS, GROUP);
	io_uring_queue_exit(&y->ring);
	free(y->memory);
	free(y);
}

const struct mode_ops mode_read = {
	.open = open_read,
	.add = add,
	.process = process,
	.remove = remove_connection,
	.count = count,
	.close = close_read,
};
