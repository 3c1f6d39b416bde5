/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See session.h: the control socket, and what waits to be closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "closer.h"
#include "macro.h"
#include "relay.h"
#include "session.h"

#define LATE_USEC 1000000ULL
#define TICK_USEC 50000ULL
#define BATCH_MAX 64
/* Descriptors that wait to be closed. Beyond it clients are not read from; what they have sent waits
 * in their own sockets. */
#define FULL_AT	 1024
#define READY_AT 512
/* Kept free in the table: the kernel closes what it has no room for, and not on the closer's thread. */
#define ROOM_MAX 1024
/* What a connection may have open: two sockets, and the descriptors of a call and of the next one. */
#define RELAY_FDS 4

struct late {
	STAILQ_ENTRY(late) entry;
	uint64_t due;
	int fd;
};

static uint64_t now_of(struct session *s)
{
	uint64_t now = 0;

	(void)sd_event_now(s->event, CLOCK_MONOTONIC, &now);
	return now;
}

static bool report(struct session *s, enum session_report_kind kind, uid_t uid)
{
	const struct session_report r = { .kind = kind, .uid = uid };

	return send(s->control, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(r);
}

void session_complain(struct session *s, enum session_report_kind kind, uid_t uid)
{
	(void)report(s, kind, uid); /* zcrxd is busy: there are many like it */
}

static void session_report_full(struct session *s)
{
	if (report(s, s->full ? SESSION_FULL : SESSION_READY, 0))
		s->reported_full = s->full;
}

/* ------------------------------------------------------------------------------ closing */

static size_t session_waiting(struct session *s)
{
	return closer_backlog(s->closer) + s->n_late;
}

static void session_arm(struct session *s, uint64_t usec)
{
	uint64_t due;

	if (sd_event_source_get_enabled(s->tick, NULL) > 0 &&
	    sd_event_source_get_time(s->tick, &due) >= 0 && due <= now_of(s) + usec)
		return;
	(void)sd_event_source_set_time_relative(s->tick, usec);
	(void)sd_event_source_set_enabled(s->tick, SD_EVENT_ONESHOT);
}

static void session_set_full(struct session *s, bool full)
{
	s->full = full;
	session_report_full(s);
	for (struct relay *y = LIST_FIRST(&s->relays); y; y = relay_next(y))
		relay_update(y);
}

bool session_may_read(struct session *s)
{
	if (!s->full && session_waiting(s) >= FULL_AT) {
		session_set_full(s, true);
		session_arm(s, TICK_USEC);
	}
	return !s->full;
}

void session_close(struct session *s, int fd)
{
	closer_close(s->closer, fd);
}

void session_close_late(struct session *s, int fd)
{
	struct late *l = malloc(sizeof(*l));

	if (!l)
		return; /* open for as long as this process lives */
	*l = (struct late){ .due = now_of(s) + LATE_USEC, .fd = fd };
	STAILQ_INSERT_TAIL(&s->late, l, entry);
	s->n_late++;
	session_arm(s, LATE_USEC);
}

static void session_close_due(struct session *s, uint64_t now)
{
	struct late *l;

	while ((l = STAILQ_FIRST(&s->late)) && l->due <= now) {
		STAILQ_REMOVE_HEAD(&s->late, entry);
		s->n_late--;
		session_close(s, l->fd);
		free(l);
	}
}

static bool session_has_room(struct session *s)
{
	return s->n_relays * RELAY_FDS + session_waiting(s) + s->room < s->fds_max;
}

static void session_pause(struct session *s, bool paused)
{
	s->paused = paused;
	(void)sd_event_source_set_enabled(s->control_source, paused ? SD_EVENT_OFF : SD_EVENT_ON);
	if (paused)
		session_arm(s, TICK_USEC);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *s = userdata;

	session_close_due(s, now_of(s));
	if (s->full && session_waiting(s) < READY_AT)
		session_set_full(s, false);
	if (s->paused && session_has_room(s))
		session_pause(s, false);
	if (s->reported_full != s->full)
		session_report_full(s);
	if (s->full || s->paused || s->reported_full)
		session_arm(s, TICK_USEC);
	else if (s->n_late > 0)
		session_arm(s, STAILQ_FIRST(&s->late)->due - now_of(s));
	return 0;
}

/* -------------------------------------------------------------------------- connections */

static int on_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *s = userdata;

	sd_event_source_unref(source);
	s->over(s->userdata);
	return 0;
}

/* zcrxd has ended, or has no use for us. The links end by themselves, each when zcrxd has closed it;
 * what is in them still reaches the clients. */
static void session_end(struct session *s)
{
	s->control_source = sd_event_source_disable_unref(s->control_source);
	if (sd_event_add_time_relative(s->event, NULL, CLOCK_MONOTONIC, LATE_USEC, 0, on_over, s) < 0)
		s->over(s->userdata);
}

/* 1: one was taken; 0: there is none; negative: the control socket has ended. */
static int session_take(struct session *s)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct session_connection connection;
	struct iovec iov = { &connection, sizeof(connection) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n;
	int fd;

	n = recvmsg(s->control, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n != sizeof(connection) || !CMSG_FIRSTHDR(&h))
		return -ECONNRESET;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(fd));
	relay_new(s, connection.uid, fd);
	return 1;
}

static int on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct session *s = userdata;
	int r = 1;

	for (unsigned i = 0; r > 0 && i < BATCH_MAX; i++) {
		if (!session_has_room(s)) {
			session_pause(s, true);
			return 0;
		}
		r = session_take(s);
	}
	if (r < 0)
		session_end(s);
	return 0;
}

/* ------------------------------------------------------------------------- begin and end */

static int session_init(struct session *s)
{
	struct rlimit limit;
	int r;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	s->fds_max = limit.rlim_cur > 1 << 20 ? 1 << 20 : (size_t)limit.rlim_cur;
	s->room = s->fds_max / 2 < ROOM_MAX ? s->fds_max / 2 : ROOM_MAX;
	s->placeholder = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (s->placeholder < 0)
		return -errno;
	r = closer_new(&s->closer);
	if (r >= 0)
		r = sd_event_add_io(s->event, &s->control_source, s->control, EPOLLIN, on_control, s);
	if (r >= 0)
		r = sd_event_add_time(s->event, &s->tick, CLOCK_MONOTONIC, 0, 0, on_tick, s);
	if (r >= 0)
		r = sd_event_source_set_enabled(s->tick, SD_EVENT_OFF);
	return r;
}

int session_new(sd_event *event, int control, session_over over, void *userdata,
		struct session **ret)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		close(control);
		return -ENOMEM;
	}
	s->event = sd_event_ref(event);
	s->control = control;
	s->placeholder = -EBADF;
	s->over = over;
	s->userdata = userdata;
	LIST_INIT(&s->relays);
	STAILQ_INIT(&s->late);
	r = session_init(s);
	if (r < 0) {
		session_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void session_free(struct session *s)
{
	struct relay *y;

	while ((y = LIST_FIRST(&s->relays)))
		relay_end(y);
	session_close_due(s, UINT64_MAX);
	sd_event_source_disable_unref(s->control_source);
	sd_event_source_disable_unref(s->tick);
	if (s->closer)
		closer_free(s->closer);
	if (s->placeholder >= 0)
		close(s->placeholder);
	close(s->control);
	sd_event_unref(s->event);
	free(s);
}
