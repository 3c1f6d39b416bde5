/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queue as an object: what to ask for, who holds it, what is known of it. register.c brings it
 * to life, receive.c runs it.
 */
#include <errno.h>

#include "queue.h"

#define MAX_COMPLETIONS 65536U

int zcrx_queue_new(struct zcrx_lease *lease, unsigned int index, struct zcrx_queue **ret)
{
	struct zcrx_queue *q;
	int r;

	if (!lease || !ret)
		return -EINVAL;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	r = zcrx_pool_new(lease, index, &q->pool);
	if (r < 0) {
		free(q);
		return r;
	}
	q->refs = 1;
	q->engine = &ring_engine;
	q->lease = zcrx_lease_ref(lease);
	q->index = index;
	q->event_fd = -EBADF;
	q->epoll = -EBADF;
	q->handle = -EBADF;
	*ret = q;
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

struct zcrx_queue *zcrx_queue_unref(struct zcrx_queue *queue)
{
	if (!queue || !count_down(&queue->refs))
		return NULL;
	queue_close(queue);
	/* Nobody could return what is still out, unless he has the pool. */
	if (__atomic_load_n(&queue->pool->refs, __ATOMIC_RELAXED) == 1)
		pool_forget_spans(queue->pool);
	/* Or what is still received would go on in a ring that nobody looks at. */
	pool_leave_ring(queue->pool);
	zcrx_pool_unref(queue->pool);
	closep(&queue->epoll);
	closep(&queue->event_fd);
	closep(&queue->handle);
	free(queue->end_reason);
	zcrx_lease_unref(queue->lease);
	free(queue);
	return NULL;
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

struct io_uring *zcrx_queue_get_ring(struct zcrx_queue *queue)
{
	return queue && queue->registered ? &queue->ring : NULL;
}

uint64_t zcrx_queue_get_received(struct zcrx_queue *queue)
{
	return queue ? queue->received : 0;
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
