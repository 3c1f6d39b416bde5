/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Streams: a connection's receive on the queue's ring, from the request to its last completion.
 * Taking the ring for the calling thread is here too, for that is what the first receive does.
 * Called by the application's receiving thread only; receive.c deals with what comes of it.
 */
#include <errno.h>
#include <fcntl.h>

#include "queue.h"

#define USUAL_PIECE 1448U /* a segment */

int queue_enable(struct zcrx_queue *q)
{
	if (q->enabled)
		return 0;
	return q->registered ? q->engine->enable(q) : -EBADFD;
}

int stream_arm(struct zcrx_stream *s)
{
	uint32_t length = stream_length(s);
	int r = s->queue->engine->arm(s, length);

	if (r < 0)
		return r;
	s->armed_until = length > 0 ? s->received + length : UINT64_MAX;
	s->cancelled = false;
	s->state = STREAM_ARMED;
	return 0;
}

void stream_destroy(struct zcrx_stream *s)
{
	struct zcrx_queue *q = s->queue;

	if (s->previous)
		s->previous->next = s->next;
	else
		q->streams = s->next;
	if (s->next)
		s->next->previous = s->previous;
	q->n_waiting -= s->state == STREAM_WAITING;
	q->n_stopping -= s->state == STREAM_STOPPING;
	table_remove(&q->table, s);
	watch_remove(s);
	close(s->socket);
	free(s->buffers);
	free(s);
}

static int new_stream(struct zcrx_queue *q, int socket, void *userdata, struct zcrx_stream **ret)
{
	struct zcrx_stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->userdata = userdata;
	s->socket = fcntl(socket, F_DUPFD_CLOEXEC, 3);
	r = s->socket < 0 ? -errno : table_add(&q->table, s);
	if (r < 0) {
		closep(&s->socket);
		free(s);
		return r;
	}
	s->queue = zcrx_queue_ref(q);
	s->bound = UINT64_MAX;
	s->piece = USUAL_PIECE;
	s->next = q->streams;
	if (s->next)
		s->next->previous = s;
	q->streams = s;
	*ret = s;
	return 0;
}

static int receive(struct zcrx_queue *queue, int socket, uint64_t bytes, void *userdata,
		   struct zcrx_stream **ret)
{
	struct zcrx_stream *s;
	int r;

	r = queue_enable(queue);
	if (r < 0)
		return r;
	r = new_stream(queue, socket, userdata, &s);
	if (r < 0)
		return r;
	s->bound = stream_bound(s, bytes);
	/* First: who waited for the socket last is woken first, and the receive should be. */
	watch_add(s);
	r = stream_arm(s);
	if (r < 0) {
		s->state = STREAM_ENDED;
		zcrx_stream_free(s);
		return r;
	}
	queue->engine->start(queue);
	*ret = s;
	return 0;
}

int zcrx_queue_receive(struct zcrx_queue *queue, int socket, void *userdata,
		       struct zcrx_stream **ret)
{
	int r;

	if (!queue || !ret)
		return -EINVAL;
	r = receive(queue, socket, 0, userdata, ret);
	return r < 0 ? client_cannot(queue->lease->client, r, "start to receive") : r;
}

int zcrx_queue_receive_bounded(struct zcrx_queue *queue, int socket, uint64_t bytes, void *userdata,
			       struct zcrx_stream **ret)
{
	int r;

	if (!queue || !ret || bytes == 0)
		return -EINVAL;
	r = receive(queue, socket, bytes, userdata, ret);
	return r < 0 ? client_cannot(queue->lease->client, r, "start to receive") : r;
}

/* Once is enough. */
int stream_cancel(struct zcrx_stream *s)
{
	int r = s->cancelled ? 0 : s->queue->engine->cancel(s);

	s->cancelled |= r >= 0;
	return r;
}

int zcrx_stream_get_socket(struct zcrx_stream *stream)
{
	return stream ? stream->socket : -EINVAL;
}

void *zcrx_stream_get_userdata(struct zcrx_stream *stream)
{
	return stream ? stream->userdata : NULL;
}

void zcrx_stream_set_userdata(struct zcrx_stream *stream, void *userdata)
{
	if (stream)
		stream->userdata = userdata;
}

/* A request that the kernel still has is cancelled: its last completion frees the stream, or the
 * end of the queue does. */
struct zcrx_stream *zcrx_stream_free(struct zcrx_stream *stream)
{
	struct zcrx_queue *q;

	if (!stream)
		return NULL;
	q = stream->queue;
	if (stream->state == STREAM_ARMED) {
		stream->freed = true;
		watch_remove(stream);
		(void)stream_cancel(stream);
	} else {
		stream_destroy(stream);
	}
	zcrx_queue_unref(q);
	return NULL;
}
