/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registering a queue: what it receives by, and a pool for that. Called once for each queue; the data path is
 * receive.c's.
 */
#include <errno.h>
#include <fcntl.h>

#include "queue.h"

/* By which the queue's thread hears of the end of the lease, and reads why. */
static int keep_handle(struct zcrx_queue *q)
{
	if (q->handle >= 0 || q->lease->handle < 0)
		return 0;
	q->handle = fcntl(q->lease->handle, F_DUPFD_CLOEXEC, 3);
	return q->handle >= 0 ? 0
			      : client_fail(q->lease->client, -errno, "Cannot duplicate the lease's handle: %s.",
					    strerror(errno));
}

static int count_buffers(struct zcrx_queue *q, uint64_t *ret)
{
	if (!q->first)
		return pool_settle_sizes(q->pool, ret);
	*ret = zcrx_pool_get_buffers(q->pool);
	return 0;
}

static int register_ring(struct zcrx_queue *q)
{
	int r;

	if (q->first) {
		r = zcrx_pool_share(q->pool, q->ring.ring_fd, &q->zcrx_id);
		if (r == -EINPROGRESS)
			q->call = client_under_way(q->lease->client);
		return r;
	}
	r = pool_register(q->pool, q->engine == &ring_engine ? q->ring.ring_fd : -EBADF);
	q->zcrx_id = zcrx_pool_get_id(q->pool);
	return r;
}

static bool is_registering(const struct zcrx_queue *q)
{
	return q->first ? client_is_under_way(q->lease->client, q->call) : pool_is_registering(q->pool);
}

/* From the beginning, if that was begun before and given up. */
static int prepare(struct zcrx_queue *q)
{
	uint64_t n_buffers = 0;
	int r;

	queue_close(q);
	r = count_buffers(q, &n_buffers);
	if (r >= 0)
		r = q->engine->open(q, n_buffers);
	return r < 0 ? r : keep_handle(q);
}

int zcrx_queue_register(struct zcrx_queue *queue)
{
	int r = 0;

	if (!queue)
		return -EINVAL;
	if (queue->registered)
		return client_cannot(queue->lease->client, -EBUSY, "register the queue");
	if (!is_registering(queue))
		r = prepare(queue);
	if (r >= 0)
		r = register_ring(queue);
	if (r < 0 && is_registering(queue))
		return r;
	if (r < 0) {
		queue_close(queue);
		return r;
	}
	queue->registered = true;
	return 0;
}
