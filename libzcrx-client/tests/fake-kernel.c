/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See fake-kernel.h. */
#include "fake-kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

struct kernel *k;

int io_uring_submit(struct io_uring *ring)
{
	unsigned int n = 0;

	for (; ring->sq.sqe_head != ring->sq.sqe_tail; n++)
		k->submitted[k->n_submitted++] = k->sqes[ring->sq.sqe_head++ & (N - 1)];
	k->sq_head = k->sq_tail = ring->sq.sqe_tail;
	return (int)n;
}

int io_uring_submit_and_get_events(struct io_uring *ring)
{
	return io_uring_submit(ring);
}

int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
				     unsigned wait_nr, struct __kernel_timespec *ts,
				     sigset_t *sigmask)
{
	(void)cqe_ptr;
	(void)wait_nr;
	(void)sigmask;
	assert_non_null(ts); /* nobody would ever wake us */
	io_uring_submit(ring);
	usleep((useconds_t)(ts->tv_sec * 1000000 + ts->tv_nsec / 1000));
	return -ETIME;
}

int io_uring_register_eventfd(struct io_uring *ring, int fd)
{
	(void)ring;
	assert_int_equal(k->event_fd, 0);
	k->event_fd = fd;
	return k->eventfd_result;
}

int ring_register(int fd, unsigned int op, void *arg, unsigned int n_args)
{
	const struct zc_ctrl *ctrl = arg;

	assert_int_equal(fd, k->pool->ring_fd);
	assert_int_equal(op, 36);
	assert_int_equal(n_args, 0);
	assert_int_equal(sizeof(*ctrl), 72);
	assert_int_equal(ctrl->zcrx_id, ZCRX_ID);
	if (ctrl->op == 2) {
		memcpy(&k->armed_event, ctrl->arg, sizeof(k->armed_event));
		k->arms++;
		return k->arm_result;
	}
	assert_int_equal(ctrl->op, 0);
	if (k->flush_result < 0)
		return k->flush_result;
	k->rq_head = k->rq_tail;
	k->flushes++;
	return 0;
}

struct zcrx_pool *kernel_new_pool(void)
{
	struct zcrx_pool *p = calloc(1, sizeof(*p));

	k->area = mmap(NULL, N * LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(k->area, MAP_FAILED);
	*p = (struct zcrx_pool) {
		.refs = 1,
		.users = 1,
		.lease = zcrx_lease_ref(&k->lease),
		.area_size = N * LENGTH,
		.buffer_length = LENGTH,
		.registered = true,
		.ring_fd = -EBADF,
		.area_fd = -EBADF,
		.given_fd = -EBADF,
		.page_fd = -EBADF,
		.node = -1,
		.area = k->area,
		.registration = { .zcrx_id = ZCRX_ID },
	};
	assert_int_equal(refill_init(&p->refill, &k->rq_head, &k->rq_tail, k->rqes, N, N, LENGTH, 0), 0);
	return p;
}

void drop_pool(void)
{
	zcrx_pool_unref(k->pool);
	k->pool = NULL;
}

int kernel_setup(void **state)
{
	struct io_uring *r;

	k = calloc(1, sizeof(*k));
	k->client.refs = k->lease.refs = 1;
	k->lease.client = &k->client;
	k->lease.handle = 2;
	k->lease.n_queues = 1;
	k->lease.napi_ids = &k->napi_id;
	k->pool = kernel_new_pool();
	k->queue = (struct zcrx_queue) {
		.refs = 1,
		.engine = &ring_engine,
		.lease = &k->lease,
		.pool = k->pool,
		.zcrx_id = ZCRX_ID,
		.event_fd = -EBADF,
		.epoll = -EBADF,
		.handle = -EBADF,
		.registered = true,
		.enabled = true,
	};
	r = &k->queue.ring;
	*r = (struct io_uring) {
		.flags = IORING_SETUP_CQE32,
		.features = IORING_FEAT_EXT_ARG, /* liburing has no timeouts of its own then */
		.ring_fd = -1,
		.enter_ring_fd = -1,
	};
	r->sq.khead = &k->sq_head;
	r->sq.ktail = &k->sq_tail;
	r->sq.kflags = &k->sq_flags;
	r->sq.array = k->array;
	r->sq.sqes = k->sqes;
	r->sq.ring_mask = N - 1;
	r->sq.ring_entries = N;
	r->cq.khead = &k->cq_head;
	r->cq.ktail = &k->cq_tail;
	r->cq.cqes = &k->cqes[0].cqe;
	r->cq.ring_mask = N - 1;
	r->cq.ring_entries = N;
	*state = k;
	return 0;
}

int kernel_teardown(void **state)
{
	(void)state;
	assert_null(k->queue.streams);
	assert_int_equal(k->queue.refs, 1);
	drop_pool();
	free(k->queue.staging);
	table_done(&k->queue.table);
	assert_int_equal(k->lease.refs, 1);
	free(k);
	return 0;
}

void post(uint64_t user_data, int result, unsigned int flags, uint64_t off)
{
	unsigned int i = k->cq_tail & (N - 1);

	assert_true(k->cq_tail - k->cq_head < N);
	k->cqes[i].cqe.user_data = user_data;
	k->cqes[i].cqe.res = result;
	k->cqes[i].cqe.flags = flags;
	k->cqes[i].zc.off = off;
	k->cq_tail++;
}

uint64_t armed(void)
{
	return armed_for(0);
}

uint64_t armed_for(uint32_t length)
{
	struct io_uring_sqe *sqe;

	assert_int_equal(k->n_submitted, 1);
	sqe = &k->submitted[--k->n_submitted];
	assert_int_equal(sqe->opcode, 58);
	assert_int_equal(sqe->ioprio, IORING_RECV_MULTISHOT);
	assert_int_equal(sqe->file_index, ZCRX_ID);
	assert_int_equal(sqe->len, length);
	assert_int_equal(sqe->addr, 0);
	assert_int_equal(sqe->msg_flags, 0);
	assert_true(sqe->user_data >> 63);
	return sqe->user_data;
}

uint64_t start(void *userdata, struct zcrx_stream **ret)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(zcrx_queue_receive(&k->queue, fd, userdata, ret), 0);
	close(fd);
	return armed();
}

const struct zcrx_event *next(void)
{
	const struct zcrx_event *e = NULL;

	assert_int_equal(zcrx_queue_wait(&k->queue, 0, &e), 1);
	return e;
}

void nothing(void)
{
	const struct zcrx_event *e;

	assert_int_equal(zcrx_queue_wait(&k->queue, 0, &e), 0);
}

void end(uint64_t tag, struct zcrx_stream *s)
{
	post(tag, 0, 0, 0);
	assert_int_equal(next()->type, ZCRX_EVENT_EOF);
	assert_null(zcrx_stream_free(s));
}
