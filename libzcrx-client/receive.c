/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The data path: turns completions into events, takes buffers back, and takes up again what the
 * kernel interrupts. Called by the application's receiving thread only, but for
 * zcrx_queue_return(); it never talks to zcrxd, and touches the client's account of errors only in
 * its thread. What a result means, and what becomes of buffers, is span.c's.
 *
 * A stream that had many pieces is woken once more when there seems to be nothing left (span.c).
 */
#include <errno.h>
#include <time.h>

#include "queue.h"

#define MAX_ATTEMPTS 256U
#define STAGING_SIZE 65536U
#define MANY_PIECES  64U	       /* a wake-up has at least one */
#define MIN_DELAY    (4 * 1000 * 1000) /* nanoseconds */
#define MAX_DELAY    (64 * 1000 * 1000)

static struct zcrx_event *new_event(struct zcrx_queue *q, enum zcrx_event_kind type,
				    struct zcrx_stream *s)
{
	q->event = (struct zcrx_event) { .type = type, .stream = s };
	if (s) {
		q->event.userdata = s->userdata;
		q->event.offset = s->received;
	}
	return &q->event;
}

/* What no piece of payload has is zero already if the last event was one, as most are. */
static struct zcrx_event *piece_event(struct zcrx_queue *q, struct zcrx_stream *s)
{
	if (q->event.type != ZCRX_EVENT_DATA)
		q->event = (struct zcrx_event) { .type = ZCRX_EVENT_DATA };
	q->event.stream = s;
	q->event.userdata = s->userdata;
	q->event.offset = s->received;
	return &q->event;
}

static int fail_stream(struct zcrx_stream *s, int error)
{
	struct zcrx_event *e = new_event(s->queue, ZCRX_EVENT_ERROR, s);

	watch_remove(s);
	e->error = error;
	e->message = stream_error(error);
	return 1;
}

static void set_starved(struct zcrx_queue *q, bool starved)
{
	__atomic_store_n(&q->starved, starved, __ATOMIC_RELAXED);
}

static int stop_stream(struct zcrx_stream *s)
{
	watch_remove(s);
	s->state = STREAM_STOPPED;
	new_event(s->queue, ZCRX_EVENT_STOPPED, s);
	return 1;
}

/* A request that could not go on, has its length, or was to end: the stream goes on unless it is
 * not to. */
static int hold_stream(struct zcrx_stream *s)
{
	if (s->received >= s->bound)
		return stop_stream(s);
	s->state = s->paused ? STREAM_PAUSED : STREAM_WAITING;
	s->queue->n_waiting += !s->paused;
	return 0;
}

static enum zcrx_next next_of(const struct zcrx_stream *s, int result)
{
	if ((result == 0 && s->received >= s->armed_until) ||
	    (result == -ECANCELED && s->cancelled))
		return ZCRX_NEXT_ARM;
	return zcrx_pool_next(s->queue->pool, result);
}

/* The stream goes on by itself: what is to be told of that, if anything, is told after what was staged. */
static void go_on(struct zcrx_stream *s)
{
	if (s->received < s->bound) {
		(void)hold_stream(s);
		return;
	}
	s->state = STREAM_STOPPING;
	s->queue->n_stopping++;
}

/* Payload that lies in ordinary memory: it came before its flow was steered, or by another way. */
static int stage(struct zcrx_stream *s)
{
	struct zcrx_queue *q = s->queue;
	uint64_t room = s->bound - s->received;
	struct zcrx_event *e;
	ssize_t n;

	if (!q->staging)
		q->staging = malloc(STAGING_SIZE);
	if (!q->staging)
		return fail_stream(s, -ENOMEM);
	n = zcrx_pool_stage(q->pool, s->socket, q->staging, room < STAGING_SIZE ? (size_t)room : STAGING_SIZE);
	if (n <= 0) {
		/* The end, or what can be received again; if it is neither, not at once. */
		if (n < 0 && s->attempts++ > 0)
			set_starved(q, true);
		return s->attempts > MAX_ATTEMPTS ? fail_stream(s, -ENOMEM) : hold_stream(s);
	}
	s->attempts = 0;
	e = new_event(q, ZCRX_EVENT_STAGED, s);
	e->data = q->staging;
	e->length = (size_t)n;
	q->received += (uint64_t)n;
	s->received += (uint64_t)n;
	go_on(s);
	return 1;
}

/* The request of `s` is over with `result`. */
static int finish(struct zcrx_stream *s, int result)
{
	struct zcrx_queue *q = s->queue;
	enum zcrx_next next;

	s->state = STREAM_ENDED;
	if (s->freed) {
		stream_destroy(s);
		return 0;
	}
	if (s->error < 0)
		return fail_stream(s, s->error);
	next = next_of(s, result);
	switch (next) {
	case ZCRX_NEXT_END:
		watch_remove(s);
		new_event(q, ZCRX_EVENT_EOF, s);
		return 1;
	case ZCRX_NEXT_ARM:
		return hold_stream(s);
	case ZCRX_NEXT_FLUSH:
	case ZCRX_NEXT_WAIT:
		/* Hopeless only if nobody is left who could return a buffer. */
		if (s->attempts++ >= MAX_ATTEMPTS && pool_spans_out(q->pool) == 0)
			return fail_stream(s, result);
		if (next == ZCRX_NEXT_WAIT || queue_flush(q) <= 0)
			set_starved(q, true);
		return hold_stream(s);
	case ZCRX_NEXT_STAGE:
		return stage(s);
	case ZCRX_NEXT_ERROR:
		break;
	}
	return fail_stream(s, result < 0 ? result : -EPROTO);
}

static void count_piece(struct zcrx_stream *s, uint64_t offset, size_t length)
{
	struct zcrx_queue *q = s->queue;

	s->attempts = 0;
	q->nudge |= ++s->pieces >= MANY_PIECES;
	if (s->limit > 0) {
		limit_note(s, offset, length);
		if (limit_is_reached(s))
			(void)stream_cancel(s);
	}
	q->received += length;
	s->received += length;
}

/* What the completion queue has of the same stream and lies right behind belongs to the event that is about to be
 * delivered. Nothing is waited for. */
static void join_following(struct zcrx_queue *q, struct zcrx_event *e)
{
	struct io_uring_cqe *cqe;

	while ((cqe = q->engine->peek(q)) && cqe->user_data == e->stream->tag) {
		if (!pool_join(q->pool, cqe, e->area_offset, e->length))
			return;
		count_piece(e->stream, e->area_offset + e->length, (size_t)cqe->res);
		e->length += (size_t)cqe->res;
		q->engine->seen(q);
	}
}

static int data_arrived(struct zcrx_stream *s, const struct io_uring_cqe *cqe)
{
	struct zcrx_queue *q = s->queue;
	int64_t offset = pool_take(q->pool, (const struct zc_cqe *)cqe);
	struct zcrx_event *e;

	if (offset < 0) {
		s->error = (int)offset;
		(void)stream_cancel(s);
		return 0;
	}
	if (s->freed || s->error < 0) {
		(void)zcrx_pool_return_offset(q->pool, (uint64_t)offset);
		return 0;
	}
	e = piece_event(q, s);
	e->data = pool_data(q->pool, (uint64_t)offset);
	e->length = (size_t)cqe->res;
	e->area_offset = (uint64_t)offset;
	count_piece(s, e->area_offset, e->length);
	return 1;
}

/* Of the application's own requests; whatever their user_data, or liburing's, may be. */
static int own_completion(struct zcrx_queue *q, const struct io_uring_cqe *cqe)
{
	struct zcrx_event *e = new_event(q, ZCRX_EVENT_COMPLETION, NULL);

	e->user_data = cqe->user_data;
	e->result = cqe->res;
	e->flags = cqe->flags;
	return 1;
}

static void lengthen_retry(struct zcrx_queue *q)
{
	if (__atomic_load_n(&q->starved, __ATOMIC_RELAXED))
		q->retry_delay.tv_nsec = 0;
	else if (q->retry_delay.tv_nsec < MAX_DELAY)
		q->retry_delay.tv_nsec *= 2;
}

/* What was said may be the end itself, of which there is an event of its own. */
static int lease_is_ending(struct zcrx_queue *q)
{
	uint64_t deadline;

	if (ending_read(q->handle, &deadline) == 0)
		return 0;
	new_event(q, ZCRX_EVENT_LEASE_ENDING, NULL)->deadline_usec = deadline;
	return 1;
}

/* Of no stream. */
static int handle_other(struct zcrx_queue *q, const struct io_uring_cqe *cqe)
{
	uint64_t tag = cqe->user_data;

	if (tag == TAG_LEASE) {
		struct zcrx_event *e = new_event(q, ZCRX_EVENT_LEASE_GONE, NULL);

		e->error = end_read(q->handle, &q->end_reason);
		e->message = q->end_reason ? q->end_reason : "";
		return 1;
	}
	if (tag == TAG_EVENT)
		(void)zcrx_pool_event(q->pool, cqe);
	if (tag == TAG_ENDING)
		return lease_is_ending(q);
	if (tag == TAG_RETRY) {
		q->retry_armed = false;
		lengthen_retry(q);
		set_starved(q, false);
	}
	return tag >= OURS && tag <= MAX_TAG ? 0 : own_completion(q, cqe);
}

/* 1 if q->event is to be delivered. */
static int handle(struct zcrx_queue *q, const struct io_uring_cqe *cqe)
{
	struct zcrx_stream *s = table_find(&q->table, cqe->user_data);

	if (!s)
		return handle_other(q, cqe);
	return cqe->flags & IORING_CQE_F_MORE ? data_arrived(s, cqe) : finish(s, cqe->res);
}

static int arm_retry(struct zcrx_queue *q)
{
	int r;

	__atomic_store_n(&q->wants_buffers, true, __ATOMIC_RELAXED);
	if (q->retry_armed)
		return 0;
	if (q->retry_delay.tv_nsec == 0)
		q->retry_delay.tv_nsec = MIN_DELAY;
	r = q->engine->set_timer(q);
	q->retry_armed = r >= 0;
	return r;
}

/* Buffers of a stream may be returned by other threads, which do not wake one that sleeps in the
 * ring: the longer it takes, the more seldom it looks. */
static int arm_waiting(struct zcrx_queue *q)
{
	bool limited = false;
	int r;

	for (struct zcrx_stream *s = q->streams; s && q->n_waiting > 0; s = s->next) {
		if (s->state != STREAM_WAITING)
			continue;
		if (limit_is_reached(s)) {
			limited = true;
			continue;
		}
		r = stream_arm(s);
		if (r < 0)
			return r;
		q->n_waiting--;
		q->retry_delay.tv_nsec = 0;
	}
	return limited ? arm_retry(q) : 0;
}

/* Arms again what was interrupted. The completion queue is empty when this is called. */
static int resume(struct zcrx_queue *q)
{
	struct refill *refill = &q->pool->refill;

	refill_settle(refill);
	/* Half of the buffers wait to be taken: nobody takes them. Better now than at -ENOMEM. */
	if (refill_queued(refill) > refill->n_buffers / 2)
		(void)queue_flush(q);
	if (q->n_waiting == 0)
		return 0;
	return __atomic_load_n(&q->starved, __ATOMIC_RELAXED) ? arm_retry(q) : arm_waiting(q);
}

/* Of a stream that the kernel has no request of. */
static int tell_stopped(struct zcrx_queue *q)
{
	struct zcrx_stream *s = q->streams;

	while (s && s->state != STREAM_STOPPING)
		s = s->next;
	q->n_stopping--;
	return s ? stop_stream(s) : 0;
}

/* Until the completion queue is empty or an event is made: 1 for an event. */
static int drain(struct zcrx_queue *q)
{
	struct io_uring_cqe *cqe;
	int r = q->n_stopping > 0 ? tell_stopped(q) : 0;

	if (r != 0)
		return r;
	while ((cqe = q->engine->peek(q))) {
		r = handle(q, cqe);
		q->engine->seen(q);
		if (r > 0 && q->join && q->event.type == ZCRX_EVENT_DATA)
			join_following(q, &q->event);
		if (r != 0)
			return r;
	}
	return 0;
}

static void nudge(struct zcrx_queue *q)
{
	q->nudge = false;
	for (struct zcrx_stream *s = q->streams; s; s = s->next) {
		if (s->pieces < MANY_PIECES || s->state != STREAM_ARMED)
			continue;
		s->pieces = 0;
		(void)zcrx_pool_nudge(s->socket);
	}
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* What is there already was looked at, which is all that it takes for most events. */
static __attribute__((noinline)) int wait_for_event(struct zcrx_queue *queue, int timeout)
{
	int64_t deadline = timeout > 0 ? now_ms() + timeout : 0, left = timeout;
	bool last = false, looked = false;
	int r = 0;

	for (;;) {
		if (queue->nudge && looked)
			nudge(queue);
		r = resume(queue);
		if (r < 0 || (last && !queue->engine->has_requests(queue)))
			return r;
		if (timeout > 0)
			left = deadline - now_ms();
		if (timeout > 0 && left < 0)
			left = 0;
		looked = left == 0 || queue->nudge;
		r = queue->engine->enter(queue, looked ? 0 : left);
		if (r >= 0)
			r = drain(queue);
		if (r != 0)
			return r;
		last = left == 0;
	}
}

int zcrx_queue_wait(struct zcrx_queue *queue, int timeout, const struct zcrx_event **ret)
{
	int r;

	if (!queue || !ret)
		return -EINVAL;
	r = queue->enabled ? 0 : queue_enable(queue);
	if (r == 0)
		r = drain(queue);
	if (r == 0)
		r = wait_for_event(queue, timeout);
	if (r > 0)
		*ret = &queue->event;
	return r < 0 ? client_cannot(queue->lease->client, r, "wait for events") : r;
}

/* Whoever polls looks then, and says so again if it needs more: once. */
static int returned(struct zcrx_queue *q, int r)
{
	if (r < 0)
		return r;
	set_starved(q, false);
	if (__atomic_load_n(&q->wants_buffers, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(&q->wants_buffers, false, __ATOMIC_RELAXED))
		watch_tell(q);
	return 0;
}

int zcrx_queue_return(struct zcrx_queue *queue, const void *data)
{
	if (!queue || !queue->registered)
		return -EINVAL;
	return returned(queue, zcrx_pool_return(queue->pool, data));
}

int zcrx_queue_return_offset(struct zcrx_queue *queue, uint64_t offset)
{
	if (!queue || !queue->registered)
		return -EINVAL;
	return returned(queue, zcrx_pool_return_offset(queue->pool, offset));
}
