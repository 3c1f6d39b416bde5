/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See connection.h.
 */
#include <errno.h>
#include <malloc.h>
#include <sys/epoll.h>

#include "accounts.h"
#include "clock.h"
#include "connection.h"
#include "hand-over.h"
#include "peer.h"
#include "peer-where.h"
#include "policy.h"
#include "session-process.h"
#include "user.h"

/* Of one connection in a row, before others have their turn: a call takes about four steps. */
#define STEPS_MAX  32
#define STEPS_USEC 5000
/* Whoever connects calls right away, but a busy machine may be slow to start the session. */
#define FIRST_CALL_USEC (2 * 1000000ULL)

struct connection {
	TAILQ_ENTRY(connection) entry;
	struct server *server;
	struct user *user;
	struct session_process *session;
	struct peer peer;
	int pidfd;	  /* or why there is none */
	sd_varlink *link; /* the server's reference */
	sd_event_source *io;
	uint64_t since; /* it connected; CLOCK_MONOTONIC */
	int waiting;	/* for these events */
	bool again;	/* others' turn came before all was done */
	bool called;	/* at least once */
	bool kept;	/* it waits for who the policy names (accounts.h) */
	struct histogram *timed; /* what the time of its call is added to; NULL: none is under way */
	uint64_t call_since;	 /* CLOCK_MONOTONIC */
};

/* ----------------------------------------------------------------------------- serving */

/* Parsed, and not yet dispatched: it may take many times the memory that it took as text. */
static bool has_message(sd_varlink *link)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL;

	return sd_varlink_is_idle(link) &&
	       sd_varlink_get_current_parameters(link, &parameters) >= 0;
}

/* Until nothing is left to do, or others wait; these do not wait while a message is in hand. A
 * connection that ends meanwhile has freed `c`. */
static int connection_serve(struct connection *c, sd_varlink *link, uint64_t since)
{
	int r = 1;

	for (unsigned i = 0; (i < STEPS_MAX && now_usec(CLOCK_MONOTONIC) < since + STEPS_USEC) ||
			     has_message(link); i++) {
		r = sd_varlink_process(link);
		if (r <= 0)
			break;
	}
	if (r > 0 && sd_varlink_get_fd(link) >= 0)
		c->again = true;
	return r < 0 ? r : sd_varlink_get_events(link);
}

static void call_answered(struct connection *c)
{
	if (c->timed)
		histogram_add(c->timed, now_usec(CLOCK_MONOTONIC) - c->call_since);
	c->timed = NULL;
}

/* EPOLLOUT comes at once while the session reads, which it always does. */
static int connection_wait(struct connection *c, int events)
{
	int waiting = c->again ? (int)EPOLLOUT : events;

	if (waiting == c->waiting)
		return 0;
	c->waiting = waiting;
	return sd_event_source_set_io_events(c->io, (uint32_t)waiting);
}

/* While a call is under way, its reply comes at any time, and Watch's come again and again. Once there is one, the
 * connection waits for its turn, and is not asked in each turn of all others. */
static int on_prepare(sd_event_source *s, void *userdata)
{
	struct connection *c = userdata;
	int events = sd_varlink_get_events(c->link);

	if (events < 0 || connection_wait(c, events) < 0)
		(void)sd_varlink_close(c->link);
	else if (c->waiting & EPOLLOUT)
		(void)sd_event_source_set_prepare(s, NULL);
	return 0;
}

/* The loop takes what has the same priority in turn, and each of a user's connections has a turn. */
static void user_set_turn(struct server *server, const struct user *u)
{
	struct connection *c;

	TAILQ_FOREACH(c, &server->connections, entry)
		if (c->user == u)
			(void)sd_event_source_set_priority(c->io, user_priority(u));
}

/* Its calls stay where they are, in the link; so does one that is under way, and is not affected. */
static bool connection_keep(struct connection *c)
{
	c->kept = sd_varlink_is_idle(c->link) && accounts_keep_waiting(c->server, &c->peer) &&
		  sd_event_source_set_enabled(c->io, SD_EVENT_OFF) >= 0;
	return c->kept;
}

void connections_go_on(struct server *server)
{
	struct connection *c;

	TAILQ_FOREACH(c, &server->connections, entry)
		if (c->kept) {
			c->kept = false;
			(void)sd_event_source_set_enabled(c->io, SD_EVENT_ON);
		}
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct connection *c = userdata;
	struct server *server = c->server;
	struct user *u = user_ref(c->user);
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = sd_varlink_ref(c->link);
	struct turn turn = turn_begin();
	int r;

	if (connection_keep(c)) {
		user_unref(u);
		return 0;
	}
	TAILQ_REMOVE(&server->connections, c, entry);
	TAILQ_INSERT_TAIL(&server->connections, c, entry);
	c->again = false;
	c->called = c->called || (revents & EPOLLIN);
	server->loop->doing = "a client's connection";
	r = connection_serve(c, link, turn.since);
	/* Nothing to read or to write means that a call is under way, whose caller is gone. */
	if (r == 0 && (revents & (EPOLLHUP | EPOLLERR)))
		r = -ECONNRESET;
	if (r >= 0 && sd_varlink_is_idle(link))
		call_answered(c);
	if (r >= 0)
		r = connection_wait(c, r);
	if (r >= 0)
		r = sd_event_source_set_prepare(s, sd_varlink_is_idle(link) ? NULL : on_prepare);
	if (r < 0)
		(void)sd_varlink_close(link);
	if (user_spend(u, &turn))
		user_set_turn(server, u);
	user_unref(u);
	return 0;
}

/* ------------------------------------------------------------------------ who may connect */

static bool is_administrator(struct server *server, const struct peer *peer)
{
	_cleanup_fault_ struct fault fault = {};

	return policy_check_administer(server->config, peer, "connect", &fault) == 0;
}

/* Of those that serve no call, if there are such. */
static struct connection *longest_idle(struct server *server, const struct user *u)
{
	struct connection *c, *busy = NULL;

	TAILQ_FOREACH(c, &server->connections, entry) {
		if (c->user != u)
			continue;
		if (sd_varlink_is_idle(c->link))
			return c;
		busy = busy ?: c;
	}
	return busy;
}

/* Whoever has more than this user, and more than all others, has one less. */
static bool make_room(struct server *server, const struct user *u)
{
	struct user *greedy = user_greediest(server);
	struct connection *c;

	if (!greedy || greedy->n_connections <= u->n_connections + 1)
		return false;
	c = longest_idle(server, greedy);
	if (!c)
		return false;
	user_log_limited(server, greedy, "there are %u, it has %u of them, and user %u came",
			 server->n_connections, greedy->n_connections, u->uid);
	(void)sd_varlink_close(c->link);
	return true;
}

static bool may_connect(struct server *server, const struct connection *c)
{
	const struct user *u = c->user;

	if (u->n_connections >= CONNECTIONS_PER_UID_MAX) {
		user_log_limited(server, u, "it has %d others", CONNECTIONS_PER_UID_MAX);
		return false;
	}
	if (server->n_connections < CONNECTIONS_MAX - CONNECTIONS_ADMINISTRATORS ||
	    (server->n_connections < CONNECTIONS_MAX && is_administrator(server, &c->peer)) ||
	    make_room(server, u))
		return true;
	user_log_limited(server, u, "there are %u others", server->n_connections);
	return false;
}

/* ------------------------------------------------------------------------ begin and end */

static struct connection *connection_free(struct connection *c)
{
	sd_event_source_disable_unref(c->io);
	if (c->pidfd >= 0)
		close(c->pidfd);
	peer_done(&c->peer);
	if (c->user)
		user_unref(c->user);
	free(c);
	return NULL;
}

static int connection_attach(struct connection *c, int fd)
{
	struct server *server = c->server;
	int r;

	r = sd_event_add_io(server->loop->event, &c->io, fd, EPOLLIN, on_io, c);
	c->waiting = EPOLLIN;
	if (r >= 0)
		r = sd_event_source_set_priority(c->io, user_priority(c->user));
	if (r >= 0)
		r = sd_varlink_server_add_connection(server->varlink, fd, &c->link);
	if (r < 0)
		return r;
	(void)sd_varlink_set_userdata(c->link, server->userdata);
	(void)sd_varlink_set_allow_fd_passing_input(c->link, true);
	(void)sd_varlink_set_allow_fd_passing_output(c->link, true);
	return 0;
}

/* A link that is closed at once says to the session that nobody serves it. */
static void connection_begin(struct connection *c, int link_taken)
{
	_cleanup_close_ int link = link_taken;
	struct server *server = c->server;

	if (!may_connect(server, c) || connection_attach(c, link) < 0) {
		session_connection_ended(c->session);
		connection_free(c);
		return;
	}
	(void)TAKE_FD(link);
	c->since = now_usec(CLOCK_MONOTONIC);
	c->user->n_connections++;
	server->n_connections++;
	TAILQ_INSERT_TAIL(&server->connections, c, entry);
}

int connection_new(struct server *server, int *fd)
{
	struct connection *c = calloc(1, sizeof(*c));
	int link, r;

	if (!c)
		return -ENOMEM;
	c->server = server;
	c->pidfd = peer_pidfd_fd(*fd);
	r = c->pidfd == -EMFILE || c->pidfd == -ENFILE ? c->pidfd : peer_read_fd(*fd, &c->peer);
	if (r >= 0)
		r = peer_read_where(*fd, c->pidfd, &c->peer);
	if (r >= 0) {
		c->user = user_get(server, c->peer.uid);
		r = c->user ? hand_over(server, c->peer.uid, fd, &c->session, &link) : -ENOMEM;
	}
	if (r < 0)
		connection_free(c);
	else
		connection_begin(c, link);
	return r < 0 ? r : 0;
}

void connection_refuse(struct server *server, int fd)
{
	struct session_process *s;
	struct peer peer;
	int link, r;

	if (fd < 0)
		return;
	r = peer_read_fd(fd, &peer);
	if (r >= 0)
		r = hand_over(server, peer.uid, &fd, &s, &link);
	peer_done(&peer);
	if (r >= 0) {
		close(link);
		session_connection_ended(s);
	} else if (fd >= 0)
		close(fd); /* without a session there is nobody else */
}

static struct connection *connection_find(struct server *server, sd_varlink *link)
{
	struct connection *c;

	/* Most often it is the one that was active last. */
	TAILQ_FOREACH_REVERSE(c, &server->connections, connection_list, entry)
		if (c->link == link)
			return c;
	return NULL;
}

struct user *connection_user(struct server *server, sd_varlink *link)
{
	struct connection *c = connection_find(server, link);

	return c ? c->user : NULL;
}

/* A link's own userdata is what its methods get. */
static struct connection *connection_of(sd_varlink *link)
{
	sd_varlink_server *s = sd_varlink_get_server(link);

	return s ? connection_find(sd_varlink_server_get_userdata(s), link) : NULL;
}

const struct peer *connection_peer(sd_varlink *link)
{
	const struct connection *c = connection_of(link);

	return c ? &c->peer : NULL;
}

int connection_pidfd(sd_varlink *link)
{
	const struct connection *c = connection_of(link);

	return c ? c->pidfd : -ENOTCONN;
}

/* The one before it has been answered in the same turn. */
void connection_time_call(sd_varlink *link, struct histogram *times)
{
	struct connection *c = connection_of(link);

	if (!c)
		return;
	call_answered(c);
	c->timed = times;
	c->call_since = now_usec(CLOCK_MONOTONIC);
}

void connection_ended(struct server *server, sd_varlink *link)
{
	struct connection *c = connection_find(server, link);

	if (!c)
		return;
	TAILQ_REMOVE(&server->connections, c, entry);
	server->n_connections--;
	c->user->n_connections--;
	session_connection_ended(c->session);
	connection_free(c);
	/* Whoever comes next may be hours away: what served the last ones goes back until then. */
	if (server->n_connections == 0)
		(void)malloc_trim(0);
}

/* Watch is a call that has no end. */
bool connections_have_calls(struct server *server)
{
	const uint64_t now = now_usec(CLOCK_MONOTONIC);
	unsigned busy = 0, watching = 0;
	const struct connection *c;
	const struct user *u;

	LIST_FOREACH(u, &server->users, entry)
		watching += u->n_watchers;
	TAILQ_FOREACH(c, &server->connections, entry) {
		if (!c->called && now < c->since + FIRST_CALL_USEC)
			return true;
		busy += c->kept || !sd_varlink_is_idle(c->link);
	}
	return busy > watching;
}

void connections_close(struct server *server)
{
	struct connection *c;

	while ((c = TAILQ_FIRST(&server->connections))) {
		_cleanup_(sd_varlink_unrefp) sd_varlink *link = sd_varlink_ref(c->link);
		int events = sd_varlink_get_events(link);

		if (events > 0 && (events & EPOLLOUT))
			(void)sd_varlink_process(link);
		(void)sd_varlink_close(link);
	}
}
