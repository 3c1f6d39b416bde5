/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine of zero copy: an io_uring, made so that another task may still register on it.
 * Everything that knows liburing is here and in watch.c.
 */
#include <errno.h>
#include <poll.h>
#include <sys/resource.h>

#include "queue.h"

#define SUBMISSIONS	256U
#define MIN_COMPLETIONS 64U

/*
 * The kernel counts areas that zcrxd registers as locked memory of who made the ring, though it
 * compares them with zcrxd's limit. What the user's programs have locked next is compared with
 * theirs; on some kernels a ring, which has a few pages, fails with ENOMEM then. NULL: there is no
 * limit, or no memory for the sentence.
 */
static char *explain_locked(const struct zcrx_queue *q)
{
	uint64_t needed = q->pool->area_size + ((uint64_t)1 << 20);
	struct rlimit limit;
	char *s;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return NULL;
	if (asprintf(&s,
		     "If there is memory: this user's limit of locked memory is %llu KiB, and the "
		     "areas of "
		     "all its leases count. Raise it by %llu KiB for each of them, or lift it "
		     "(LimitMEMLOCK=infinity in the unit, ulimit -l unlimited).",
		     (unsigned long long)limit.rlim_cur / 1024,
		     (unsigned long long)needed / 1024) < 0)
		return NULL;
	return s;
}

static int open_ring(struct zcrx_queue *q, uint64_t n_buffers)
{
	_cleanup_free_ char *locked = NULL;
	struct zcrx_client *c = q->lease->client;
	struct io_uring_params p = {
		/* Disabled: while it is, it belongs to no task yet, and zcrxd may register on it.
		 */
		.flags = zcrx_pool_get_ring_flags() | IORING_SETUP_TASKRUN_FLAG |
			 IORING_SETUP_CQSIZE,
		.cq_entries = q->completions ?: (unsigned int)n_buffers,
	};
	int r;

	if (p.cq_entries < MIN_COMPLETIONS)
		p.cq_entries = MIN_COMPLETIONS;
	r = io_uring_queue_init_params(p.cq_entries < SUBMISSIONS ? p.cq_entries : SUBMISSIONS,
				       &q->ring, &p);
	if (r >= 0)
		return 0;
	q->ring = (struct io_uring) {};
	locked = r == -ENOMEM ? explain_locked(q) : NULL;
	return client_fail(c, r, "Cannot create an io_uring: %s. %s", strerror(-r),
			   locked ? locked
			   : r == -EPERM
				   ? "See sysctl kernel.io_uring_disabled; in a container, give it a seccomp "
				     "profile that allows io_uring (docs/CONTAINERS.md)."
			   : r == -ENOSYS
				   ? "The kernel lacks it, or a container's seccomp profile blocks it: give it "
				     "one that allows io_uring (docs/CONTAINERS.md)."
					  : "It needs Linux 6.15 or later and some memory.");
}

static void close_ring(struct zcrx_queue *q)
{
	if (q->ring.ring_fd >= 0 && q->ring.sq.ring_ptr)
		io_uring_queue_exit(&q->ring);
	q->ring = (struct io_uring) {};
}

static struct io_uring_sqe *get_sqe(struct zcrx_queue *q)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&q->ring);

	if (sqe)
		return sqe;
	if (io_uring_submit(&q->ring) < 0)
		return NULL;
	return io_uring_get_sqe(&q->ring);
}

/* The thread that enables the ring is the one that may use it from now on. */
static int enable(struct zcrx_queue *q)
{
	struct io_uring_sqe *sqe;
	int r;

	/* Which liburing exports since 2.4 only. */
	r = ring_register(q->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	if (r < 0)
		return r;
	q->enabled = true;
	sqe = get_sqe(q);
	if (!sqe)
		return -EBUSY;
	io_uring_prep_poll_add(sqe, q->handle, POLLRDHUP);
	io_uring_sqe_set_data64(sqe, TAG_LEASE);
	sqe = get_sqe(q);
	if (!sqe)
		return -EBUSY;
	io_uring_prep_poll_add(sqe, q->handle, POLLIN);
	io_uring_sqe_set_data64(sqe, TAG_ENDING);
	return 0;
}

static int arm(struct zcrx_stream *s, uint32_t length)
{
	struct io_uring_sqe *sqe = get_sqe(s->queue);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_rw(ZC_OP_RECV, sqe, s->socket, NULL, length, 0);
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->file_index = s->queue->zcrx_id;
	io_uring_sqe_set_data64(sqe, s->tag);
	return 0;
}

/* It never hits a later request: submissions are taken in order. */
static int cancel(struct zcrx_stream *s)
{
	struct io_uring_sqe *sqe = get_sqe(s->queue);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_cancel64(sqe, s->tag, 0);
	io_uring_sqe_set_data64(sqe, TAG_IGNORED);
	(void)io_uring_submit(&s->queue->ring);
	return 0;
}

static int set_timer(struct zcrx_queue *q)
{
	struct io_uring_sqe *sqe = get_sqe(q);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_timeout(sqe, &q->retry_delay, 0, 0);
	io_uring_sqe_set_data64(sqe, TAG_RETRY);
	return 0;
}

static void start(struct zcrx_queue *q)
{
	(void)io_uring_submit(&q->ring);
}

/* What the queue had no room for, and what is yet to become completions. */
static __attribute__((noinline)) struct io_uring_cqe *peek_behind(struct zcrx_queue *q)
{
	struct io_uring_cqe *cqe;

	return io_uring_peek_cqe(&q->ring, &cqe) == 0 ? cqe : NULL;
}

/* liburing would also look for timeouts of its own, which kernels with zero copy need not have. */
static struct io_uring_cqe *peek(struct zcrx_queue *q)
{
	const struct io_uring_cq *cq = &q->ring.cq;
	unsigned int head = *cq->khead;

	if (io_uring_smp_load_acquire(cq->ktail) != head)
		return &cq->cqes[(head & cq->ring_mask) << 1]; /* IORING_SETUP_CQE32 */
	return IO_URING_READ_ONCE(*q->ring.sq.kflags) & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN) ? peek_behind(q)
												: NULL;
}

static void seen(struct zcrx_queue *q)
{
	io_uring_cq_advance(&q->ring, 1);
}

/* Submits, and lets the kernel do the work that it deferred to us. */
static int enter(struct zcrx_queue *q, int64_t timeout)
{
	struct __kernel_timespec ts = { .tv_sec = timeout / 1000,
					.tv_nsec = timeout % 1000 * 1000000 };
	struct io_uring_cqe *cqe;
	int r;

	/* First reset, then look: what comes in between makes it readable again. */
	watch_empty(q);
	if (timeout == 0)
		r = io_uring_submit_and_get_events(&q->ring);
	else if (timeout < 0)
		r = io_uring_submit_and_wait(&q->ring, 1);
	else
		r = io_uring_submit_and_wait_timeout(&q->ring, &cqe, 1, &ts, NULL);
	/* -EBUSY: completions overflowed, and want to be drained first. */
	return r == -ETIME || r == -EAGAIN || r == -EBUSY ? 0 : r;
}

static bool has_requests(struct zcrx_queue *q)
{
	return io_uring_sq_ready(&q->ring) > 0;
}

const struct engine ring_engine = {
	.open = open_ring,
	.close = close_ring,
	.enable = enable,
	.arm = arm,
	.cancel = cancel,
	.set_timer = set_timer,
	.start = start,
	.peek = peek,
	.seen = seen,
	.enter = enter,
	.has_requests = has_requests,
	.get_fd = watch_get_fd,
};
