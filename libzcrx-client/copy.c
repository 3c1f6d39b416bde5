/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine of copying, which does in the process what the kernel does behind a ring: it takes buffers off the
 * refill ring, fills them by recvmsg(2), and makes the completions of that. No io_uring, no privilege.
 *
 * An epoll has the sockets of all streams that have a request, the handle of the lease, a timer, and the eventfd by
 * which other threads wake who waits; it is also what the application polls. It is level triggered: what
 * is left in a socket is told of again. enter() looks which sockets have something, and peek() receives from
 * one of them when there is nothing left of the one before, so that nobody waits for long.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "queue.h"

#define BATCH	16U /* buffers that are filled at once */
#define SOCKETS 64U /* that are looked at together */

struct copy {
	int epoll, timer;
	bool has_cancelled; /* streams, perhaps */

	/* The completions: of one stream, and its last, or of a timer and the lease. */
	union {
		struct io_uring_cqe cqe;
		struct zc_cqe zc;
	} completions[BATCH + 1];
	unsigned int first, n;

	/* Tags of streams whose sockets have something, from `at` on. */
	uint64_t ready[SOCKETS];
	unsigned int n_ready, at;

	uint32_t *free; /* buffers, the one that was returned last at the end */
	uint32_t n_free;
};

static int watch(const struct copy *c, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event e = { .events = events, .data.u64 = tag };

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static void close_copy(struct zcrx_queue *q)
{
	struct copy *c = q->copy;

	if (!c)
		return;
	closep(&c->epoll);
	closep(&c->timer);
	free(c->free);
	free(c);
	q->copy = NULL;
}

static int make(struct zcrx_queue *q, uint32_t n_buffers)
{
	struct copy *c = calloc(1, sizeof(*c));
	int r;

	q->copy = c;
	if (!c)
		return -ENOMEM;
	c->timer = -EBADF;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0)
		return -errno;
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (q->event_fd < 0)
		q->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->timer < 0 || q->event_fd < 0)
		return -errno;
	c->free = calloc(n_buffers, sizeof(*c->free));
	if (!c->free)
		return -ENOMEM;
	for (uint32_t i = 0; i < n_buffers; i++)
		c->free[c->n_free++] = n_buffers - 1 - i;
	r = watch(c, c->timer, EPOLLIN, TAG_RETRY);
	return r < 0 ? r : watch(c, q->event_fd, EPOLLIN, TAG_IGNORED);
}

static int open_copy(struct zcrx_queue *q, uint64_t n_buffers)
{
	int r = make(q, (uint32_t)n_buffers);

	return r < 0 ? client_cannot(q->lease->client, r, "make what is needed to receive by copying") : 0;
}

static int enable(struct zcrx_queue *q)
{
	int r = watch(q->copy, q->handle, EPOLLRDHUP | EPOLLONESHOT, TAG_LEASE);

	if (r < 0)
		return r;
	q->enabled = true;
	return 0;
}

static int arm(struct zcrx_stream *s, uint32_t length)
{
	int r = watch(s->queue->copy, s->socket, EPOLLIN, s->tag);

	if (r < 0)
		return r;
	s->request = REQUEST_MADE;
	s->edge = false;
	s->left = length > 0 ? length : UINT64_MAX;
	return 0;
}

/* The descriptor is a duplicate: the epoll would watch the connection as long as there is another. */
static void end_request(struct zcrx_stream *s, enum request_state state)
{
	(void)epoll_ctl(s->queue->copy->epoll, EPOLL_CTL_DEL, s->socket, NULL);
	s->request = state;
}

static int cancel(struct zcrx_stream *s)
{
	if (s->request != REQUEST_MADE)
		return 0;
	end_request(s, REQUEST_CANCELLED);
	s->queue->copy->has_cancelled = true;
	watch_tell(s->queue);
	return 0;
}

static int set_timer(struct zcrx_queue *q)
{
	struct itimerspec t = { .it_value = { .tv_sec = q->retry_delay.tv_sec, .tv_nsec = q->retry_delay.tv_nsec } };

	return timerfd_settime(q->copy->timer, 0, &t, NULL) < 0 ? -errno : 0;
}

static void start(struct zcrx_queue *q)
{
}

static void complete(struct copy *c, uint64_t tag, int result, uint32_t flags, uint64_t offset)
{
	c->completions[c->n++].zc = (struct zc_cqe) {
		.user_data = tag, .result = result, .flags = flags, .off = offset
	};
}

static void finish(struct zcrx_stream *s, int result)
{
	end_request(s, REQUEST_NONE);
	complete(s->queue->copy, s->tag, result, 0, 0);
}

/* As the kernel: entries before the tail, and whoever sees the head may write behind it. What was returned first is
 * taken first, so that buffers that were side by side are again, and of what lies in the cache still. */
static void take_returned(struct copy *c, const struct refill *r)
{
	uint32_t head = __atomic_load_n(r->head, __ATOMIC_RELAXED);
	uint32_t tail = __atomic_load_n(r->tail, __ATOMIC_ACQUIRE);

	for (uint32_t i = tail; i != head; i--)
		c->free[c->n_free++] = (uint32_t)(r->entries[(i - 1) & (r->n_entries - 1)].off / r->buffer_length);
	__atomic_store_n(r->head, tail, __ATOMIC_RELEASE);
}

/* Buffers for what may come at once; how many. They are the last `n` of the free ones, the first one last. */
static unsigned int prepare(const struct zcrx_pool *p, const struct copy *c, uint64_t left, struct iovec *iov)
{
	unsigned int n = 0;

	for (; n < BATCH && n < c->n_free && left > 0; n++) {
		uint32_t buffer = c->free[c->n_free - 1 - n];
		size_t length = left < p->buffer_length ? (size_t)left : p->buffer_length;

		iov[n] = (struct iovec) { (char *)p->area + (size_t)buffer * p->buffer_length, length };
		left -= length;
	}
	return n;
}

/* `length` bytes are in the buffers that prepare() has found. */
static void deliver(struct zcrx_stream *s, const struct zcrx_pool *p, size_t length)
{
	struct zc_stats *stats = (struct zc_stats *)((char *)p->region + p->registration.stats_offset);
	struct copy *c = s->queue->copy;

	s->left -= s->left == UINT64_MAX ? 0 : length;
	__atomic_add_fetch(&stats->copy_bytes, length, __ATOMIC_RELAXED);
	while (length > 0) {
		size_t piece = length < p->buffer_length ? length : p->buffer_length;

		complete(c, s->tag, (int)piece, IORING_CQE_F_MORE, (uint64_t)c->free[--c->n_free] * p->buffer_length);
		__atomic_add_fetch(&stats->copy_count, 1, __ATOMIC_RELAXED);
		length -= piece;
	}
	if (s->left == 0)
		finish(s, 0);
}

/* A socket can have something for somebody else, such as what MSG_ZEROCOPY has to tell: this is told once, until
 * there is something to receive again. */
static void trigger(struct zcrx_stream *s, bool edge)
{
	struct epoll_event e = { .events = EPOLLIN | (edge ? EPOLLET : 0), .data.u64 = s->tag };

	if (s->edge == edge)
		return;
	(void)epoll_ctl(s->queue->copy->epoll, EPOLL_CTL_MOD, s->socket, &e);
	s->edge = edge;
}

static void receive(struct zcrx_stream *s)
{
	const struct zcrx_pool *p = s->queue->pool;
	struct copy *c = s->queue->copy;
	struct iovec iov[BATCH];
	struct msghdr m = { .msg_iov = iov };
	char first;
	ssize_t n;

	take_returned(c, &p->refill);
	m.msg_iovlen = prepare(p, c, s->left, iov);
	if (m.msg_iovlen == 0) {
		finish(s, -ENOMEM);
		return;
	}
	/* Nobody maps a dma-buf: as with the kernel, there is never a buffer, and all payload is staged. */
	n = p->dmabuf ? recv(s->socket, &first, 1, MSG_DONTWAIT | MSG_PEEK) : recvmsg(s->socket, &m, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) {
		trigger(s, true);
		return;
	}
	if (n < 0 && errno == EINTR)
		return;
	trigger(s, false);
	if (n > 0 && !p->dmabuf)
		deliver(s, p, (size_t)n);
	else
		finish(s, n > 0 ? -ENOMEM : n < 0 ? -errno : 0);
}

static void end_cancelled(struct zcrx_queue *q)
{
	struct copy *c = q->copy;

	if (!c->has_cancelled)
		return;
	for (struct zcrx_stream *s = q->streams; s; s = s->next)
		if (s->request == REQUEST_CANCELLED) {
			s->request = REQUEST_NONE;
			complete(c, s->tag, -ECANCELED, 0, 0);
			return;
		}
	c->has_cancelled = false;
}

static struct io_uring_cqe *peek(struct zcrx_queue *q)
{
	struct copy *c = q->copy;
	struct zcrx_stream *s;

	if (c->first == c->n) {
		c->first = c->n = 0;
		end_cancelled(q);
	}
	while (c->n == 0 && c->at < c->n_ready) {
		s = table_find(&q->table, c->ready[c->at++]);
		if (s && s->request == REQUEST_MADE)
			receive(s);
	}
	return c->n > 0 ? &c->completions[c->first].cqe : NULL;
}

static void seen(struct zcrx_queue *q)
{
	q->copy->first++;
}

static void sort(struct zcrx_queue *q, uint64_t tag)
{
	struct copy *c = q->copy;
	uint64_t ignored;

	switch (tag) {
	case TAG_IGNORED:
		(void)!read(q->event_fd, &ignored, sizeof(ignored));
		break;
	case TAG_RETRY:
		(void)!read(c->timer, &ignored, sizeof(ignored));
		complete(c, tag, -ETIME, 0, 0);
		break;
	case TAG_LEASE:
		complete(c, tag, 0, 0, 0);
		break;
	default:
		c->ready[c->n_ready++] = tag;
	}
}

static int enter(struct zcrx_queue *q, int64_t timeout)
{
	struct epoll_event events[SOCKETS];
	struct copy *c = q->copy;
	int n;

	n = epoll_wait(c->epoll, events, SOCKETS, timeout < 0 ? -1 : (int)timeout);
	if (n < 0)
		return -errno;
	c->n_ready = c->at = 0;
	for (int i = 0; i < n; i++)
		sort(q, events[i].data.u64);
	return 0;
}

/* None that would have to be started: what has come for it, the epoll tells. */
static bool has_requests(struct zcrx_queue *q)
{
	return false;
}

static int get_fd(struct zcrx_queue *q)
{
	return q->copy->epoll;
}

const struct engine copy_engine = {
	.open = open_copy,
	.close = close_copy,
	.enable = enable,
	.arm = arm,
	.cancel = cancel,
	.set_timer = set_timer,
	.start = start,
	.peek = peek,
	.seen = seen,
	.enter = enter,
	.has_requests = has_requests,
	.get_fd = get_fd,
};
