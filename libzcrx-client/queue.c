/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queue as an object: what to ask for, who holds it, what is known of it. register.c brings it
 * to life, receive.c runs it.
 */
#include <errno.h>

#include "backend.h"
#include "queue.h"

#define MAX_COMPLETIONS 65536U

/* Takes the pool over. */
static int new_queue(struct zcrx_lease *lease, struct zcrx_pool *pool, struct zcrx_queue **ret)
{
	struct zcrx_queue *q = calloc(1, sizeof(*q));

	if (!q) {
		zcrx_pool_unref(pool);
		return -ENOMEM;
	}
	q->refs = 1;
	q->engine = lease->backend->copies ? &copy_engine : &ring_engine;
	q->lease = zcrx_lease_ref(lease);
	q->index = pool->index;
	q->pool = pool;
	q->event_fd = -EBADF;
	q->epoll = -EBADF;
	q->handle = -EBADF;
	*ret = q;
	return 0;
}

int zcrx_queue_new(struct zcrx_lease *lease, unsigned int index, struct zcrx_queue **ret)
{
	struct zcrx_pool *pool;
	int r;

	if (!lease || !ret)
		return -EINVAL;
	r = zcrx_pool_new(lease, index, &pool);
	if (r < 0)
		return r;
	(void)zcrx_pool_set_events(pool, TAG_EVENT); /* it is new */
	return new_queue(lease, pool, ret);
}

int zcrx_queue_share(struct zcrx_queue *queue, struct zcrx_queue **ret)
{
	struct zcrx_queue *first;
	int r;

	if (!queue || !ret)
		return -EINVAL;
	if (!queue->registered)
		return client_cannot(queue->lease->client, -EBADFD, "share the queue");
	first = queue->first ?: queue;
	r = new_queue(queue->lease, zcrx_pool_ref(queue->pool), ret);
	if (r < 0)
		return r;
	(*ret)->first = zcrx_queue_ref(first);
	return 0;
}

struct zcrx_queue *zcrx_queue_ref(struct zcrx_queue *queue)
{
	if (queue)
		count_up(&queue->refs);
	return queue;
}

/* Streams go before the pool does: the kernel has let go of their requests with the ring. */
void queue_close(struct zcrx_queue *q)
{
	q->engine->close(q);
	while (q->streams)
		stream_destroy(q->streams);
	table_done(&q->table);
}

static void leave_pool(struct zcrx_queue *q)
{
	/* Nobody could return what is still out, unless he has the pool. */
	if (__atomic_load_n(&q->pool->refs, __ATOMIC_RELAXED) == 1)
		pool_forget_spans(q->pool);
	/* Or what is still received would go on in a ring that nobody looks at. */
	pool_leave_ring(q->pool);
}

struct zcrx_queue *zcrx_queue_unref(struct zcrx_queue *queue)
{
	if (!queue || !count_down(&queue->refs))
		return NULL;
	queue_close(queue);
	if (!queue->first)
		leave_pool(queue);
	zcrx_pool_unref(queue->pool);
	zcrx_queue_unref(queue->first);
	closep(&queue->epoll);
	closep(&queue->event_fd);
	closep(&queue->handle);
	free(queue->staging);
	free(queue->end_reason);
	zcrx_lease_unref(queue->lease);
	free(queue);
	return NULL;
}

int queue_flush(struct zcrx_queue *q)
{
	return q->first ? zcrx_pool_flush_on(q->pool, q->ring.ring_fd, q->zcrx_id) : zcrx_pool_flush(q->pool);
}

int zcrx_queue_get_share(struct zcrx_queue *queue, int ret_fds[2])
{
	return queue ? zcrx_pool_get_share(queue->pool, ret_fds) : -EINVAL;
}

int zcrx_queue_set_share(struct zcrx_queue *queue, const int fds[2])
{
	return queue ? zcrx_pool_set_share(queue->pool, fds) : -EINVAL;
}

/* What is to be taken yet would be taken back by the kernel. */
int zcrx_queue_reclaim(struct zcrx_queue *queue)
{
	if (!queue)
		return -EINVAL;
	if (queue->first || !queue->registered)
		return -EBADFD;
	if (queue->engine->peek(queue))
		return -EBUSY;
	for (const struct zcrx_stream *s = queue->streams; s; s = s->next)
		if (s->state == STREAM_ARMED)
			return -EBUSY;
	return zcrx_pool_reclaim(queue->pool);
}

struct zcrx_pool *zcrx_queue_get_pool(struct zcrx_queue *queue)
{
	return queue ? queue->pool : NULL;
}

int zcrx_queue_set_area_size(struct zcrx_queue *queue, size_t bytes)
{
	return queue ? zcrx_pool_set_area_size(queue->pool, bytes) : -EINVAL;
}

int zcrx_queue_set_buffer_length(struct zcrx_queue *queue, size_t bytes)
{
	return queue ? zcrx_pool_set_buffer_length(queue->pool, bytes) : -EINVAL;
}

int zcrx_queue_set_huge_pages(struct zcrx_queue *queue, int huge)
{
	return queue ? zcrx_pool_set_huge_pages(queue->pool, huge) : -EINVAL;
}

int zcrx_queue_set_dmabuf(struct zcrx_queue *queue, int fd)
{
	return queue ? zcrx_pool_set_dmabuf(queue->pool, fd) : -EINVAL;
}

int zcrx_queue_set_numa_node(struct zcrx_queue *queue, int node)
{
	return queue ? zcrx_pool_set_numa_node(queue->pool, node) : -EINVAL;
}

int zcrx_queue_set_completions(struct zcrx_queue *queue, unsigned int entries)
{
	bool valid = entries > 0 && entries <= MAX_COMPLETIONS;

	if (!queue)
		return -EINVAL;
	if (!valid || queue->registered)
		return client_cannot(queue->lease->client, valid ? -EBUSY : -EINVAL,
				     "set the completions");
	queue->completions = entries;
	return 0;
}

int zcrx_queue_set_join(struct zcrx_queue *queue, int join)
{
	if (!queue)
		return -EINVAL;
	if (queue->registered)
		return client_cannot(queue->lease->client, -EBUSY, "have events joined");
	queue->join = join != 0;
	return 0;
}

struct io_uring *zcrx_queue_get_ring(struct zcrx_queue *queue)
{
	return queue && queue->registered && queue->engine == &ring_engine ? &queue->ring : NULL;
}

uint64_t zcrx_queue_get_received(struct zcrx_queue *queue)
{
	return queue ? queue->received : 0;
}

int zcrx_queue_get_counter(struct zcrx_queue *queue, enum zcrx_counter counter, uint64_t *ret)
{
	return queue ? zcrx_pool_get_counter(queue->pool, counter, ret) : -EINVAL;
}

int zcrx_queue_get_copied(struct zcrx_queue *queue, uint64_t *ret_count, uint64_t *ret_bytes)
{
	return queue ? zcrx_pool_get_copied(queue->pool, ret_count, ret_bytes) : -EINVAL;
}

unsigned int zcrx_queue_get_napi_id(struct zcrx_queue *queue)
{
	return queue ? zcrx_pool_get_napi_id(queue->pool) : 0;
}

size_t zcrx_queue_get_buffer_length(struct zcrx_queue *queue)
{
	return queue ? zcrx_pool_get_buffer_length(queue->pool) : 0;
}

unsigned int zcrx_queue_get_buffers(struct zcrx_queue *queue)
{
	return queue ? zcrx_pool_get_buffers(queue->pool) : 0;
}
