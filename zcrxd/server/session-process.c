/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See session-process.h.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "log.h"
#include "session-control.h"
#include "session-process.h"
#include "user.h"

/* A user who comes again soon finds it still there. */
#define IDLE_USEC (5 * 1000000ULL)
/* Connections that wait there for a session on a busy machine: more than a user may have. */
#define QUEUE_SIZE (1024 * 1024)

struct session_process {
	LIST_ENTRY(session_process) entry;
	struct server *server;
	uid_t uid; /* of its first connection */
	pid_t pid;
	int control; /* negative: it was hung up on, or has ended */
	sd_event_source *io, *child, *idle;
	unsigned n_connections;
	bool full; /* takes no more, for now */
};

static bool session_serves(const struct session_process *s)
{
	return s->control >= 0 && !s->full;
}

static void session_process_free(struct session_process *s)
{
	LIST_REMOVE(s, entry);
	sd_event_source_disable_unref(s->io);
	sd_event_source_disable_unref(s->child);
	sd_event_source_disable_unref(s->idle);
	if (s->control >= 0)
		close(s->control);
	free(s);
}

/* By hanging up: it ends a second later, unless what it closes keeps it. Connections that it still has
 * end with it. */
static void session_stop(struct session_process *s)
{
	s->io = sd_event_source_disable_unref(s->io);
	s->idle = sd_event_source_disable_unref(s->idle);
	if (s->control >= 0)
		close(TAKE_FD(s->control));
	if (s->pid == 0 && s->n_connections == 0)
		session_process_free(s);
}

static int on_child(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct session_process *s = userdata;

	if (si->si_code != CLD_EXITED || si->si_status != 0)
		log_warning("A session of user %u ended unexpectedly (%s %d); its connections end.",
			    s->uid, si->si_code == CLD_EXITED ? "status" : "signal", si->si_status);
	s->pid = 0;
	session_stop(s);
	return 0;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
	session_stop(userdata);
	return 0;
}

/* ------------------------------------------------------------------------------- reports */

static void session_set_full(struct session_process *s, bool full)
{
	if (full && !s->full)
		log_warning("A session of user %u waits for files of its clients to be closed.", s->uid);
	s->full = full;
}

static void complain_of(struct session_process *s, const struct session_report *report)
{
	struct user *u = user_find(s->server, report->uid);

	switch ((enum session_report_kind)(u ? report->kind : SESSION_READY)) {
	case SESSION_FULL:
	case SESSION_READY:
		break;
	case SESSION_LONG_MESSAGE:
		user_log_limited(s->server, u, "it sent a message of more than %d bytes",
				 MESSAGE_MAX);
		break;
	case SESSION_MANY_DESCRIPTORS:
		user_log_limited(s->server, u, "it sent more than %d descriptors with a message",
				 MESSAGE_FDS_MAX);
		break;
	case SESSION_HALF_MESSAGE:
		user_log_limited(s->server, u, "for %llu s it did not finish a message",
				 STALL_USEC / 1000000);
		break;
	case SESSION_UNREAD_REPLIES:
		user_log_limited(s->server, u, "for %llu s it took no reply", STALL_USEC / 1000000);
		break;
	case SESSION_HOLDS_MUCH:
		user_log_limited(s->server, u,
				 "unfinished messages and unread replies of this user "
				 "exceed %u MiB",
				 (unsigned)(HELD_MAX >> 20));
		break;
	}
}

static int on_report(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct session_process *s = userdata;
	struct session_report report;
	ssize_t n;

	n = recv(fd, &report, sizeof(report), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n != sizeof(report))
		session_stop(s);
	else if (report.kind == SESSION_FULL || report.kind == SESSION_READY)
		session_set_full(s, report.kind == SESSION_FULL);
	else
		complain_of(s, &report);
	return 0;
}

/* ---------------------------------------------------------------------------------- start */

static int session_process_init(struct session_process *s)
{
	_cleanup_close_ int theirs = -EBADF;
	int pair[2], size = QUEUE_SIZE, r;
	sd_event *event = s->server->loop->event;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	s->control = pair[0];
	theirs = pair[1];
	if (setsockopt(s->control, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(s->control, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	r = sd_event_add_io(event, &s->io, s->control, EPOLLIN, on_report, s);
	if (r >= 0)
		r = sd_event_add_time(event, &s->idle, CLOCK_MONOTONIC, 0, 0, on_idle, s);
	if (r >= 0)
		r = sd_event_source_set_enabled(s->idle, SD_EVENT_OFF);
	if (r >= 0)
		r = session_spawn(event, TAKE_FD(theirs), &s->pid);
	if (r < 0 || s->pid == 0)
		return r;
	r = sd_event_add_child(event, &s->child, s->pid, WEXITED, on_child, s);
	if (r < 0)
		log_errno(r, "Cannot watch session %d", (int)s->pid);
	return 0;
}

static int session_start(struct server *server, uid_t uid, struct session_process **ret)
{
	struct session_process *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->server = server;
	s->uid = uid;
	s->control = -EBADF;
	LIST_INSERT_HEAD(&server->sessions, s, entry);
	r = session_process_init(s);
	if (r < 0) {
		session_process_free(s);
		return log_errno(r, "Cannot start zcrxd-session");
	}
	*ret = s;
	return 0;
}

/* --------------------------------------------------------------------------------- choice */

struct choice {
	struct session_process *own, *newest, *emptiest;
	unsigned n_own, n_serving, n;
};

static struct choice sessions_look(struct server *server, uid_t uid)
{
	struct session_process *s;
	struct choice c = {};

	/* The newest come first. */
	LIST_FOREACH(s, &server->sessions, entry) {
		c.n++;
		c.n_serving += session_serves(s);
		c.n_own += s->uid == uid;
		if (s->uid == uid && session_serves(s) && !c.own)
			c.own = s;
		if (s->uid == uid && s->control >= 0 && !c.newest)
			c.newest = s;
		if (session_serves(s) &&
		    (!c.emptiest || s->n_connections < c.emptiest->n_connections))
			c.emptiest = s;
	}
	return c;
}

/* A user whose sessions hang by what its own clients sent waits for one of them to go on. */
static int session_choose(struct server *server, uid_t uid, struct session_process **ret)
{
	struct choice c = sessions_look(server, uid);

	*ret = c.own;
	if (c.own)
		return 0;
	if (c.n_own < SESSIONS_PER_UID_MAX && c.n_serving < SESSIONS_MAX && c.n < SESSIONS_ALL_MAX)
		return session_start(server, uid, ret);
	*ret = c.n_own > 0 ? c.newest : c.emptiest;
	return *ret ? 0 : -EAGAIN;
}

static int send_link(int control, uid_t uid, int link)
{
	const struct session_connection connection = { .uid = uid };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} c = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
			    .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec iov = { (void *)&connection, sizeof(connection) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c,
			    .msg_controllen = sizeof(c) };

	memcpy(CMSG_DATA(&c.header), &link, sizeof(link));
	return sendmsg(control, &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int session_send(struct server *server, uid_t uid, int link, struct session_process **ret)
{
	struct session_process *s;
	int r;

	do {
		r = session_choose(server, uid, &s);
		if (r < 0)
			return r;
		r = send_link(s->control, uid, link);
		if (r == -EPIPE || r == -ECONNRESET)
			session_stop(s); /* it died: another one is started */
	} while (r == -EPIPE || r == -ECONNRESET);
	if (r < 0)
		return r;
	s->n_connections++;
	(void)sd_event_source_set_enabled(s->idle, SD_EVENT_OFF);
	*ret = s;
	return 0;
}

void session_connection_ended(struct session_process *s)
{
	if (--s->n_connections > 0)
		return;
	if (s->control < 0 && s->pid == 0) {
		session_process_free(s);
		return;
	}
	if (s->control < 0)
		return;
	(void)sd_event_source_set_time_relative(s->idle, IDLE_USEC);
	(void)sd_event_source_set_enabled(s->idle, SD_EVENT_ONESHOT);
}

void sessions_free(struct server *server)
{
	struct session_process *s;

	while ((s = LIST_FIRST(&server->sessions)))
		session_process_free(s);
}
