/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What zcrx_queue_get_fd() gives: an epoll that holds the ring's eventfd and the socket of every
 * stream that receives. The eventfd alone would do, but Linux 7.2 signals that of a ring with
 * DEFER_TASKRUN only after an RCU grace period, 15 to 20 ms later; a socket tells at once.
 *
 * All edge triggered, so that what was told once is not told again: zcrx_queue_wait() takes it all
 * out before it looks at the ring. A socket whose data the ring has received meanwhile is not
 * readable any more, and the kernel forgets it. Sockets are taken out before they are closed: the
 * descriptor is a duplicate, and epoll would watch the connection until the application closed the
 * last one.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "queue.h"

static int add(int epoll, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events | EPOLLET };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* What cannot be watched is told of by the eventfd, only later. */
void watch_add(struct zcrx_stream *s)
{
	struct zcrx_queue *q = s->queue;

	if (q->epoll >= 0 && !s->watched && add(q->epoll, s->socket, EPOLLIN | EPOLLRDHUP) == 0)
		s->watched = true;
}

void watch_remove(struct zcrx_stream *s)
{
	if (s->watched)
		(void)epoll_ctl(s->queue->epoll, EPOLL_CTL_DEL, s->socket, NULL);
	s->watched = false;
}

void watch_empty(struct zcrx_queue *q)
{
	struct epoll_event ignored[64];

	if (q->epoll < 0)
		return;
	while (epoll_wait(q->epoll, ignored, ARRAY_SIZE(ignored), 0) == ARRAY_SIZE(ignored))
		;
}

/* In any thread. */
void watch_tell(struct zcrx_queue *q)
{
	int fd = __atomic_load_n(&q->event_fd, __ATOMIC_RELAXED);

	if (fd >= 0)
		(void)eventfd_write(fd, 1);
}

static int begin(struct zcrx_queue *q)
{
	_cleanup_close_ int fd = -EBADF, epoll = -EBADF;
	int r;

	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		return -errno;
	/* Readable at first: there may be something already. */
	fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = add(epoll, fd, EPOLLIN);
	if (r == 0)
		r = io_uring_register_eventfd(&q->ring, fd);
	if (r < 0)
		return r;
	__atomic_store_n(&q->event_fd, TAKE_FD(fd), __ATOMIC_RELAXED);
	q->epoll = TAKE_FD(epoll);
	for (struct zcrx_stream *s = q->streams; s; s = s->next)
		if (!s->freed && (s->state == STREAM_ARMED || s->state == STREAM_PAUSED))
			watch_add(s);
	return 0;
}

int watch_get_fd(struct zcrx_queue *q)
{
	int r = q->epoll < 0 ? begin(q) : 0;

	return r < 0 ? r : q->epoll;
}

int zcrx_queue_get_fd(struct zcrx_queue *queue)
{
	int r;

	if (!queue)
		return -EINVAL;
	r = queue->registered ? queue->engine->get_fd(queue) : -EBADFD;
	return r < 0 ? client_cannot(queue->lease->client, r, "give a descriptor to poll") : r;
}
