/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the application tells a stream: pause and resume, how many buffers it may have, where to
 * stop. Called by the application's receiving thread only, as stream.c.
 *
 * A request that the kernel has cannot be changed, only cancelled; what it had received before that
 * comes first, and then its last completion, upon which receive.c does what is wanted by then. So
 * nothing is lost, however the calls and the kernel overtake each other. A stream that the kernel
 * has no request of is told about by the next zcrx_queue_wait().
 */
#include <errno.h>

#include "queue.h"

static int refuse(struct zcrx_stream *s, int error, const char *what)
{
	return client_cannot(s->queue->lease->client, error, what);
}

static bool is_over(const struct zcrx_stream *s)
{
	return s->state == STREAM_ENDED || s->state == STREAM_STOPPED || s->error < 0;
}

static void set_state(struct zcrx_stream *s, enum stream_state state)
{
	struct zcrx_queue *q = s->queue;

	q->n_waiting += (state == STREAM_WAITING) - (s->state == STREAM_WAITING);
	q->n_stopping += (state == STREAM_STOPPING) - (s->state == STREAM_STOPPING);
	s->state = state;
	/* The next zcrx_queue_wait() has something to do. */
	if (state == STREAM_WAITING || state == STREAM_STOPPING)
		watch_tell(q);
}

int zcrx_stream_pause(struct zcrx_stream *stream)
{
	int r = 0;

	if (!stream)
		return -EINVAL;
	if (is_over(stream))
		return refuse(stream, -EALREADY, "pause the stream");
	if (stream->state == STREAM_ARMED)
		r = stream_cancel(stream);
	if (r < 0)
		return refuse(stream, r, "pause the stream");
	stream->paused = true;
	watch_remove(stream);
	if (stream->state == STREAM_WAITING)
		set_state(stream, STREAM_PAUSED);
	return 0;
}

int zcrx_stream_resume(struct zcrx_stream *stream)
{
	if (!stream)
		return -EINVAL;
	if (is_over(stream))
		return refuse(stream, -EALREADY, "resume the stream");
	if (!stream->paused)
		return 0;
	stream->paused = false;
	watch_add(stream);
	if (stream->state == STREAM_PAUSED)
		set_state(stream, STREAM_WAITING);
	return 0;
}

int zcrx_stream_stop(struct zcrx_stream *stream)
{
	int r = 0;

	if (!stream)
		return -EINVAL;
	if (is_over(stream))
		return refuse(stream, -EALREADY, "stop the stream");
	if (stream->state == STREAM_ARMED)
		r = stream_cancel(stream);
	if (r < 0)
		return refuse(stream, r, "stop the stream");
	watch_remove(stream);
	if (stream->state == STREAM_ARMED)
		stream->bound = stream->received; /* or what it is when the request is over */
	else
		set_state(stream, STREAM_STOPPING);
	return 0;
}

int zcrx_stream_continue(struct zcrx_stream *stream, uint64_t bytes)
{
	if (!stream)
		return -EINVAL;
	if (stream->state != STREAM_STOPPED)
		return refuse(stream, -EINPROGRESS, "continue the stream");
	stream->bound = stream_bound(stream, bytes);
	stream->paused = false;
	watch_add(stream);
	set_state(stream, STREAM_WAITING);
	return 0;
}

uint64_t stream_bound(const struct zcrx_stream *s, uint64_t bytes)
{
	return bytes > 0 && bytes < UINT64_MAX - s->received ? s->received + bytes : UINT64_MAX;
}

int zcrx_stream_set_limit(struct zcrx_stream *stream, unsigned int buffers)
{
	int r = 0;

	if (!stream)
		return -EINVAL;
	if (is_over(stream))
		return refuse(stream, -EALREADY, "set the limit of the stream");
	/* What is armed has the old one. */
	if (stream->state == STREAM_ARMED && buffers > 0 && buffers != stream->limit)
		r = stream_cancel(stream);
	if (r < 0)
		return refuse(stream, r, "set the limit of the stream");
	stream->limit = buffers;
	return 0;
}

/* Forgets what was returned. */
static unsigned int count_buffers(struct zcrx_stream *s)
{
	const struct refill *refill = &s->queue->pool->refill;
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->n_buffers; i++)
		if (refill_is_out(refill, s->buffers[i].index, s->buffers[i].use))
			s->buffers[n++] = s->buffers[i];
	s->n_buffers = n;
	return n;
}

bool limit_is_reached(struct zcrx_stream *s)
{
	return s->limit > 0 && s->n_buffers >= s->limit && count_buffers(s) >= s->limit;
}

/* A piece in the buffer of the one before takes no other. What there is no memory for is not
 * counted. */
void limit_note(struct zcrx_stream *s, uint64_t offset, size_t length)
{
	struct stream_buffer b;

	if (s->limit == 0)
		return;
	s->piece = (7 * s->piece + length) / 8;
	refill_use(&s->queue->pool->refill, offset, &b.index, &b.use);
	if (s->n_buffers > 0 && s->buffers[s->n_buffers - 1].index == b.index &&
	    s->buffers[s->n_buffers - 1].use == b.use)
		return;
	if (s->n_buffers == s->size_buffers) {
		unsigned int size = s->size_buffers > 0 ? 2 * s->size_buffers : 16;
		struct stream_buffer *more;

		if (count_buffers(s) == s->size_buffers) {
			more = reallocarray(s->buffers, size, sizeof(*more));
			if (!more)
				return;
			s->buffers = more;
			s->size_buffers = size;
		}
	}
	s->buffers[s->n_buffers++] = b;
}

/*
 * How much a request may receive; 0: whatever comes. The kernel receives until somebody looks, so
 * that only a number of bytes bounds it: as many as came in so many buffers lately.
 */
uint32_t stream_length(struct zcrx_stream *s)
{
	uint64_t length = s->bound - s->received, room;

	if (s->limit > 0) {
		room = s->limit > s->n_buffers ? s->limit - s->n_buffers : 1;
		room *= s->piece > 0 ? s->piece : 1;
		if (room < length)
			length = room;
	}
	if (length <= INT32_MAX)
		return (uint32_t)length;
	return s->bound < UINT64_MAX || s->limit > 0 ? INT32_MAX : 0;
}
