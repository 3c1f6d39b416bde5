/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The data path of a pool: completions to spans, spans back to the NIC, and what to do when a receive
 * has ended. zcrx_pool_take(), _next() and _flush() belong to the thread that has the ring, the others to
 * any; what keeps them apart is in refill.c. None talks to zcrxd, or touches the client's account of errors.
 *
 * A receive ends early for two reasons that are nobody's fault. -ENOSPC: the completion queue was
 * full; it is armed again once that is drained. -ENOMEM: the kernel had to copy and found no free
 * buffer. It takes what is on the refill ring only for the NIC, so where the NIC does not ask (the
 * lease is gone, or the flow is not steered to the queue) the ring must be flushed first. If there
 * is nothing to flush, the buffers are in the application's, the NIC's or a socket's hands, and a
 * timer or the next returned buffer tries again.
 *
 * And a receive can miss that there is more. A request that has 128 wake-ups of its socket before it gets to
 * run notes further ones in a flag, and io_poll_check_events() ends its loop without a look at that (seen on
 * Linux 7.2): if they were the last ones, the data stays in the socket. Hence zcrx_pool_nudge().
 */
#include <errno.h>
#include <sys/socket.h>

#include "pool.h"

int zcrx_pool_take(struct zcrx_pool *pool, const void *cqe, struct zcrx_span *ret)
{
	const struct zc_cqe *c = cqe;
	int64_t offset;

	if (!pool || !cqe || !ret)
		return -EINVAL;
	if (!pool->registered)
		return -EBADFD;
	if (!(c->flags & ZC_CQE_F_MORE))
		return 0;
	offset = pool_take(pool, c);
	if (offset < 0)
		return (int)offset;
	*ret = (struct zcrx_span) {
		.data = pool_data(pool, (uint64_t)offset),
		.length = (size_t)c->result,
		.offset = (uint64_t)offset,
	};
	return 1;
}

int pool_join(struct zcrx_pool *p, const void *cqe, uint64_t offset, size_t length)
{
	const struct zc_cqe *c = cqe;
	int r;

	if (!(c->flags & ZC_CQE_F_MORE) || c->result <= 0)
		return 0;
	pool_add_user(p);
	r = refill_join(&p->refill, offset, length, c->off, (uint32_t)c->result);
	if (r <= 0)
		pool_drop_users(p, 1);
	return r >= 0;
}

static uint64_t offset_of(const struct zcrx_pool *p, const void *data)
{
	return (uintptr_t)data - (uintptr_t)p->area;
}

/* All buffers of what begins there; how many. Where it goes on is read first: what was given may be used at once. */
static uint64_t give(struct zcrx_pool *p, uint64_t offset)
{
	uint32_t n = refill_joined(&p->refill, offset);
	uint64_t given = 1;

	if (refill_give(&p->refill, offset) < 0)
		return 0;
	for (uint32_t i = 1; i <= n; i++)
		given += refill_give(&p->refill, offset + (uint64_t)i * p->buffer_length) == 0;
	return given;
}

/* How many buffers are back on the ring, or on their way. */
static inline uint64_t return_at(struct zcrx_pool *p, uint64_t offset)
{
	int r = refill_return(&p->refill, offset);
	uint64_t given;

	if (r <= 0)
		return r == 0;
	given = give(p, offset);
	refill_settle(&p->refill);
	return given;
}

int zcrx_pool_return_many(struct zcrx_pool *pool, const void *const *data, size_t n)
{
	uint64_t given = 0;
	int r = 0;

	if (!pool || (!data && n > 0))
		return -EINVAL;
	if (!pool->registered)
		return -EBADFD;
	for (size_t i = 0; i < n; i++) {
		uint64_t buffers = return_at(pool, offset_of(pool, data[i]));

		given += buffers;
		if (buffers == 0)
			r = -EINVAL;
	}
	pool_drop_users(pool, given);
	return r;
}

int zcrx_pool_return_offset(struct zcrx_pool *pool, uint64_t offset)
{
	uint64_t given;

	if (!pool || !pool->registered)
		return pool ? -EBADFD : -EINVAL;
	given = return_at(pool, offset);
	pool_drop_users(pool, given);
	return given > 0 ? 0 : -EINVAL;
}

int zcrx_pool_return(struct zcrx_pool *pool, const void *data)
{
	return zcrx_pool_return_offset(pool, pool ? offset_of(pool, data) : 0);
}

static int hold(struct zcrx_pool *p, uint64_t offset)
{
	int r;

	pool_add_user(p);
	r = refill_hold(&p->refill, offset);
	if (r < 0)
		pool_drop_users(p, 1);
	return r;
}

int zcrx_pool_hold_offset(struct zcrx_pool *pool, uint64_t offset)
{
	if (!pool || !pool->registered)
		return pool ? -EBADFD : -EINVAL;
	return hold(pool, offset);
}

int zcrx_pool_hold(struct zcrx_pool *pool, const void *data)
{
	uint64_t offset;
	uint32_t n, i = 0;
	int r;

	if (!pool)
		return -EINVAL;
	if (!pool->registered)
		return -EBADFD;
	offset = offset_of(pool, data);
	n = refill_joined(&pool->refill, offset);
	do
		r = hold(pool, offset + (uint64_t)i * pool->buffer_length);
	while (r == 0 && i++ < n);
	for (; r < 0 && i > 0; i--) {
		(void)refill_give(&pool->refill, offset + (i - 1) * (uint64_t)pool->buffer_length);
		pool_drop_users(pool, 1);
	}
	return r;
}

static bool cannot_flush(struct zcrx_pool *p)
{
	return __atomic_load_n(&p->no_flush, __ATOMIC_RELAXED);
}

enum zcrx_next zcrx_pool_next(struct zcrx_pool *pool, int result)
{
	switch (result) {
	case 0:
		return ZCRX_NEXT_END;
	case -ENOSPC:
		if (pool)
			__atomic_add_fetch(&pool->completions_full, 1, __ATOMIC_RELAXED);
		return ZCRX_NEXT_ARM;
	case -EAGAIN:
	case -EINTR:
		return ZCRX_NEXT_ARM;
	case -ENOMEM:
		if (!pool || !pool->registered)
			return ZCRX_NEXT_ERROR;
		refill_settle(&pool->refill);
		/* The kernel cannot copy into it, whatever buffers are free. */
		if (pool->dmabuf)
			return ZCRX_NEXT_STAGE;
		__atomic_add_fetch(&pool->starved_copy, 1, __ATOMIC_RELAXED);
		return !cannot_flush(pool) && refill_queued(&pool->refill) > 0 ? ZCRX_NEXT_FLUSH : ZCRX_NEXT_WAIT;
	default:
		return ZCRX_NEXT_ERROR;
	}
}

int zcrx_pool_flush(struct zcrx_pool *pool)
{
	return pool ? zcrx_pool_flush_on(pool, pool->ring_fd, pool->registration.zcrx_id) : -EINVAL;
}

int zcrx_pool_flush_on(struct zcrx_pool *pool, int ring_fd, uint32_t id)
{
	struct zc_ctrl ctrl = { .op = ZC_CTRL_FLUSH_RQ, .zcrx_id = id };
	int r;

	if (!pool)
		return -EINVAL;
	if (!pool->registered)
		return -EBADFD;
	if (cannot_flush(pool))
		return -EOPNOTSUPP;
	refill_settle(&pool->refill);
	if (refill_queued(&pool->refill) == 0)
		return 0;
	r = ring_register(ring_fd, ZC_REGISTER_CTRL, &ctrl, 0);
	if (r == -EINVAL || r == -EOPNOTSUPP) {
		__atomic_store_n(&pool->no_flush, true, __ATOMIC_RELAXED); /* before 6.19 */
		return -EOPNOTSUPP;
	}
	if (r < 0)
		return r;
	refill_settle(&pool->refill);
	return 1;
}

/* What the NIC has placed is not readable, and ends it. */
ssize_t zcrx_pool_stage(struct zcrx_pool *pool, int socket, void *data, size_t length)
{
	ssize_t n;

	if (!pool || !pool->registered)
		return pool ? -EBADFD : -EINVAL;
	n = recv(socket, data, length, MSG_DONTWAIT);
	if (n < 0)
		return errno == EFAULT ? -EAGAIN : -errno;
	__atomic_add_fetch(&pool->staged, (uint64_t)n, __ATOMIC_RELAXED);
	return n;
}

/* To set its low-water mark wakes whoever waits for a socket that has something, and does nothing else
 * if the mark is the one that it has. */
int zcrx_pool_nudge(int socket)
{
	socklen_t size = sizeof(int);
	int mark;

	if (getsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &mark, &size) < 0 ||
	    setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &mark, size) < 0)
		return -errno;
	return 0;
}
