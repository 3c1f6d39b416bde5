/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See connection.h.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "clock.h"
#include "connection.h"
#include "peer.h"
#include "policy.h"
#include "user.h"

/* Of one connection in a row, before others have their turn: a call takes about four steps. */
#define STEPS_MAX     32
#define STEPS_USEC    5000
#define STALL_USEC (10 * 1000000ULL)
/* What a connection may hold without anybody asking, and what the rest of it may come to. */
#define HELD_FREE      ((size_t)8 * 1024)
#define HELD_USER_MAX  ((size_t)4 * 1024 * 1024)
#define HELD_TOTAL_MAX ((size_t)128 * 1024 * 1024)
/* A descriptor that waits for its message to end, and replies of unknown size, are worth this much. */
#define FD_WORTH      ((size_t)16 * 1024)
#define REPLIES_WORTH ((size_t)64 * 1024)

struct connection {
	TAILQ_ENTRY(connection) entry;
	struct manager *manager;
	struct user *user;
	sd_varlink *link; /* the server's reference */
	sd_event_source *io, *stalled;
	size_t unfinished; /* bytes of a message that has no end yet */
	size_t largest;	   /* what the input buffer has held at most: sd-varlink never shrinks it */
	size_t held;
	int waiting;   /* for these events */
	bool progress; /* since the timer for stalls was set */
	bool again;    /* others' turn came before all was done */
};

/* ------------------------------------------------------------------- what is being held */

static void connection_charge(struct connection *c, size_t held)
{
	c->user->held += held - c->held;
	c->manager->held += held - c->held;
	c->held = held;
}

static bool is_writable(sd_varlink *link)
{
	struct pollfd p = { .fd = sd_varlink_get_fd(link), .events = POLLOUT };

	return poll(&p, 1, 0) != 0;
}

/* Whether it keeps within its bounds. Replies that can be sent are not the client's fault. */
static bool connection_account(struct connection *c, int events)
{
	struct manager *m = c->manager;
	size_t held = c->largest;

	if (c->unfinished > MESSAGE_MAX) {
		user_complain(m, c->user, "it sent a message of more than %d bytes", MESSAGE_MAX);
		return false;
	}
	for (size_t i = 0; sd_varlink_peek_fd(c->link, i) >= 0; i++)
		held += FD_WORTH;
	if ((events & EPOLLOUT) && !is_writable(c->link))
		held += REPLIES_WORTH;
	connection_charge(c, held > HELD_FREE ? held - HELD_FREE : 0);
	if (c->held == 0 || (c->user->held <= HELD_USER_MAX && m->held <= HELD_TOTAL_MAX))
		return true;
	user_complain(m, c->user, "unfinished messages and unread replies of %s exceed %zu MiB",
		 c->user->held > HELD_USER_MAX ? "this user" : "all users",
		 (c->user->held > HELD_USER_MAX ? HELD_USER_MAX : HELD_TOTAL_MAX) >> 20);
	return false;
}

static int on_stalled(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct connection *c = userdata;

	(void)s;
	(void)usec;
	user_complain(c->manager, c->user, "for %llu s it %s", STALL_USEC / 1000000,
		 c->unfinished > 0 ? "did not finish a message" : "took no reply");
	(void)sd_varlink_close(c->link);
	return 0;
}

/* A timer runs while the next move is the client's: to finish a message, or to take a reply. */
static int connection_watch_stall(struct connection *c, int events)
{
	bool progress = c->progress;
	int r;

	c->progress = false;
	if (!(events & EPOLLOUT) && !(c->unfinished > 0 && (events & EPOLLIN))) {
		c->stalled = sd_event_source_disable_unref(c->stalled);
		return 0;
	}
	if (!c->stalled)
		return sd_event_add_time_relative(c->manager->event, &c->stalled, CLOCK_MONOTONIC,
						  STALL_USEC, 0, on_stalled, c);
	if (!progress)
		return 0;
	r = sd_event_source_set_time_relative(c->stalled, STALL_USEC);
	return r < 0 ? r : sd_event_source_set_enabled(c->stalled, SD_EVENT_ONESHOT);
}

/* ----------------------------------------------------------------------------- serving */

/* What sd-varlink is about to read: how much of it is complete? */
static void connection_look_ahead(struct connection *c)
{
	static char ahead[256 * 1024]; /* more than a socket holds, and all connections' */
	const char *end;
	ssize_t n;

	n = recv(sd_varlink_get_fd(c->link), ahead, sizeof(ahead), MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0)
		return;
	if (c->unfinished + (size_t)n > c->largest)
		c->largest = c->unfinished + (size_t)n;
	end = memrchr(ahead, 0, (size_t)n);
	c->unfinished = end ? (size_t)(ahead + n - end - 1) : c->unfinished + (size_t)n;
}

/* Parsed, and not yet dispatched: it may take many times the memory that it took as text. */
static bool has_message(sd_varlink *link)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL;

	return sd_varlink_is_idle(link) &&
	       sd_varlink_get_current_parameters(link, &parameters) >= 0;
}

/* Until nothing is left to do, the client does not take its replies, or others wait; these do not
 * wait while a message is in hand, or each of many connections would come to have one. A
 * connection that ends meanwhile has freed `c`. */
static int connection_serve(struct connection *c, sd_varlink *link, uint64_t since)
{
	int events, r;

	for (unsigned i = 0; (i < STEPS_MAX && now_usec(CLOCK_MONOTONIC) < since + STEPS_USEC) ||
			     has_message(link); i++) {
		bool reading;

		events = sd_varlink_get_events(link);
		if (events < 0)
			return events;
		if ((events & EPOLLOUT) && !is_writable(link))
			return events;
		reading = events == EPOLLIN;
		if (reading)
			connection_look_ahead(c);
		r = sd_varlink_process(link);
		if (r < 0)
			return r;
		if (r == 0)
			return sd_varlink_get_events(link);
		if (reading && sd_varlink_peek_fd(link, MESSAGE_FDS_MAX) != -ENXIO) {
			user_complain(c->manager, c->user, "it sent more than %d descriptors with a "
				 "message", MESSAGE_FDS_MAX);
			return -EMFILE;
		}
		if (!reading && sd_varlink_get_fd(link) >= 0)
			c->progress = true;
	}
	events = sd_varlink_get_events(link);
	if (events >= 0)
		c->again = true;
	return events;
}

/* EPOLLOUT alone is waited for while there are replies to take, and comes at once otherwise. */
static int connection_wait(struct connection *c, int events)
{
	int waiting = c->again || (events & EPOLLOUT) ? (int)EPOLLOUT : events, r;

	if (!connection_account(c, events))
		return -ENOBUFS;
	r = connection_watch_stall(c, events);
	if (r >= 0)
		r = sd_event_source_set_io_events(c->io, (uint32_t)waiting);
	c->waiting = waiting;
	return r;
}

/* While a call is under way, its reply comes at any time, and Watch's come again and again. */
static int on_prepare(sd_event_source *s, void *userdata)
{
	struct connection *c = userdata;
	int events = sd_varlink_get_events(c->link);

	(void)s;
	if (events != c->waiting && connection_wait(c, events) < 0)
		(void)sd_varlink_close(c->link);
	return 0;
}

/* The loop takes what has the same priority in turn, and each of a user's connections has a turn. */
static void user_set_turn(struct manager *m, const struct user *u)
{
	struct connection *c;

	TAILQ_FOREACH(c, &m->connections, entry)
		if (c->user == u)
			(void)sd_event_source_set_priority(c->io, user_priority(u));
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct connection *c = userdata;
	struct manager *m = c->manager;
	struct user *u = user_ref(c->user);
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = sd_varlink_ref(c->link);
	struct turn turn = turn_begin();
	int r;

	(void)fd;
	c->again = false;
	r = connection_serve(c, link, turn.since);
	/* Nothing to read or to write means that a call is under way, whose caller is gone. */
	if (r == 0 && (revents & (EPOLLHUP | EPOLLERR)))
		r = -ECONNRESET;
	if (r >= 0)
		r = connection_wait(c, r);
	if (r >= 0)
		r = sd_event_source_set_prepare(s, sd_varlink_is_idle(link) ? NULL : on_prepare);
	if (r < 0)
		(void)sd_varlink_close(link);
	if (user_spend(u, &turn))
		user_set_turn(m, u);
	user_unref(u);
	return 0;
}

/* ------------------------------------------------------------------------ begin and end */

static bool administers(struct manager *m, const struct peer *peer)
{
	_cleanup_fault_ struct fault fault = {};

	return policy_check_administer(m->config, peer, "connect", &fault) == 0;
}

static bool may_connect(struct manager *m, int fd, const struct user *u)
{
	_cleanup_peer_ struct peer peer = {};

	if (u->n_connections >= CONNECTIONS_PER_UID_MAX) {
		user_complain(m, u, "it has %d others", CONNECTIONS_PER_UID_MAX);
		return false;
	}
	if (m->n_connections < CONNECTIONS_MAX - CONNECTIONS_ADMINISTRATORS)
		return true;
	if (m->n_connections < CONNECTIONS_MAX && peer_read_fd(fd, &peer) >= 0 &&
	    administers(m, &peer))
		return true;
	user_complain(m, u, "there are %u others", m->n_connections);
	return false;
}

static int connection_attach(struct connection *c, int fd)
{
	struct manager *m = c->manager;
	int r;

	r = sd_event_add_io(m->event, &c->io, fd, EPOLLIN, on_io, c);
	if (r >= 0)
		r = sd_event_source_set_priority(c->io, user_priority(c->user));
	if (r >= 0)
		r = sd_varlink_server_add_connection(m->server, fd, &c->link);
	if (r < 0) {
		sd_event_source_disable_unref(c->io);
		return r;
	}
	(void)sd_varlink_set_allow_fd_passing_input(c->link, true);
	(void)sd_varlink_set_allow_fd_passing_output(c->link, true);
	return 0;
}

int connection_new(struct manager *m, int fd_taken)
{
	_cleanup_close_ int fd = fd_taken;
	struct connection *c;
	struct ucred cred;
	socklen_t size = sizeof(cred);
	struct user *u;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	u = user_get(m, cred.uid);
	if (!u)
		return -ENOMEM;
	c = may_connect(m, fd, u) ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		user_unref(u);
		return 1;
	}
	c->manager = m;
	c->user = u;
	r = connection_attach(c, fd);
	if (r < 0) {
		free(c);
		user_unref(u);
		return r;
	}
	(void)TAKE_FD(fd);
	u->n_connections++;
	m->n_connections++;
	TAILQ_INSERT_HEAD(&m->connections, c, entry);
	return 0;
}

static struct connection *connection_find(struct manager *m, sd_varlink *link)
{
	struct connection *c;

	TAILQ_FOREACH(c, &m->connections, entry)
		if (c->link == link)
			return c;
	return NULL;
}

struct user *connection_user(struct manager *m, sd_varlink *link)
{
	struct connection *c = connection_find(m, link);

	return c ? c->user : NULL;
}

void connection_ended(struct manager *m, sd_varlink *link)
{
	struct connection *c = connection_find(m, link);

	if (!c)
		return;
	TAILQ_REMOVE(&m->connections, c, entry);
	sd_event_source_disable_unref(c->io);
	sd_event_source_disable_unref(c->stalled);
	connection_charge(c, 0);
	m->n_connections--;
	c->user->n_connections--;
	user_unref(c->user);
	free(c);
	/* Whoever comes next may be hours away: what served the last ones goes back until then. */
	if (m->n_connections == 0)
		(void)malloc_trim(0);
}

void connections_close(struct manager *m)
{
	struct connection *c;

	while ((c = TAILQ_FIRST(&m->connections))) {
		_cleanup_(sd_varlink_unrefp) sd_varlink *link = sd_varlink_ref(c->link);
		int events = sd_varlink_get_events(link);

		if (events > 0 && (events & EPOLLOUT) && is_writable(link))
			(void)sd_varlink_process(link);
		(void)sd_varlink_close(link);
	}
}
