/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Receiving as programs always have: epoll and recv(2). What the other modes are compared with. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "macro.h"
#include "session.h"

#define BUFFER_SIZE ((size_t)256 << 10)

static int open_recv(struct session *s)
{
	s->of_mode = malloc(BUFFER_SIZE);
	s->fd = epoll_create1(EPOLL_CLOEXEC);
	if (!s->of_mode || s->fd < 0)
		return fail("Cannot set up receiving: %s.", strerror(errno));
	return STATUS_DONE;
}

static int add(struct session *s, struct connection *c)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	if (epoll_ctl(s->fd, EPOLL_CTL_ADD, c->socket, &e) < 0)
		return fail("Cannot poll: %s.", strerror(errno));
	return STATUS_DONE;
}

static void receive_some(struct session *s, struct connection *c)
{
	ssize_t n = recv(c->socket, s->of_mode, BUFFER_SIZE, 0);

	if (n > 0)
		session_data(c, s->of_mode, (size_t)n);
	else if (n == 0)
		session_end(c, NULL);
	else if (errno != EAGAIN && errno != EINTR)
		session_end(c, strerror(errno));
}

static int process(struct session *s)
{
	struct epoll_event events[32];
	int n = epoll_wait(s->fd, events, ARRAY_SIZE(events), 0);

	for (int i = 0; i < n; i++)
		receive_some(s, events[i].data.ptr);
	return STATUS_DONE;
}

static void remove_connection(struct session *s, struct connection *c)
{
	epoll_ctl(s->fd, EPOLL_CTL_DEL, c->socket, NULL);
}

static void count(struct session *s)
{
	s->copies_known = true;
	s->copied_bytes = s->bytes;
}

static void close_recv(struct session *s)
{
	count(s);
	closep(&s->fd);
	free(s->of_mode);
}

const struct mode_ops mode_recv = {
	.open = open_recv,
	.add = add,
	.process = process,
	.remove = remove_connection,
	.count = count,
	.close = close_recv,
};
