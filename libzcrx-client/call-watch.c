/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What zcrx_client_get_fd() gives: an epoll that holds the connection and a timer while something
 * is under way, and otherwise nothing. So it stays the same when the connection is made again, and
 * limits of time hold for whoever polls it.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "deadline.h"
#include "internal.h"

#define LOOK_AGAIN 10000U /* microseconds: where there is nothing to poll */

static void set_timer(const struct zcrx_client *c, uint64_t when)
{
	struct itimerspec t = {};

	if (when < UINT64_MAX) {
		t.it_value.tv_sec =
			(time_t)(when / 1000000 > INT32_MAX ? INT32_MAX : when / 1000000);
		t.it_value.tv_nsec = (long)(when % 1000000) * 1000 + 1; /* 0 would be never */
	}
	(void)timerfd_settime(c->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

/* Whether the connection tells. */
static bool watch_link(struct zcrx_client *c)
{
	struct epoll_event e = { .events = (uint32_t)varlink_events(c->link) };

	if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, varlink_get_fd(c->link), &e) < 0)
		return false;
	c->watched = varlink_get_fd(c->link);
	return true;
}

void call_unwatch(struct zcrx_client *c)
{
	if (c->epoll < 0)
		return;
	if (c->watched >= 0)
		(void)epoll_ctl(c->epoll, EPOLL_CTL_DEL, c->watched, NULL);
	c->watched = -EBADF;
	set_timer(c, UINT64_MAX);
}

void call_watch(struct zcrx_client *c)
{
	uint64_t soon = deadline_in(LOOK_AGAIN);

	call_unwatch(c);
	if (c->epoll < 0 || c->call.kind == CALL_NONE || c->call.over)
		return;
	/* A unix socket that waits for room in the queue tells nothing of it. */
	if ((c->call.kind == CALL_METHOD && watch_link(c)) || c->call.deadline < soon)
		soon = c->call.deadline;
	set_timer(c, soon);
}

int zcrx_client_get_fd(struct zcrx_client *client)
{
	_cleanup_close_ int epoll = -EBADF, timer = -EBADF;
	struct epoll_event e = { .events = EPOLLIN };

	if (!client)
		return -EINVAL;
	if (client->epoll >= 0)
		return client->epoll;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (epoll < 0 || timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &e) < 0)
		return client_cannot(client, -errno, "give a descriptor to poll");
	client->epoll = TAKE_FD(epoll);
	client->timer = TAKE_FD(timer);
	call_watch(client);
	return client->epoll;
}
