/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See relay.h.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "call.h"
#include "macro.h"
#include "receive.h"
#include "relay-internal.h"
#include "vet.h"

struct relay *relay_next(struct relay *y)
{
	return LIST_NEXT(y, entry);
}

/* ------------------------------------------------------------------------ descriptors */

static void release_kept(struct relay *y)
{
	while (y->n_kept > 0)
		session_close(y->session, y->kept[--y->n_kept]);
}

static void close_inbox(struct relay *y)
{
	for (size_t i = 0; i < y->from_client.n_fds; i++)
		session_close(y->session, y->from_client.fds[i].fd);
	for (size_t i = 0; i < y->from_link.n_fds; i++)
		close(y->from_link.fds[i].fd);
	inbox_done(&y->from_client);
	inbox_done(&y->from_link);
}

void relay_end(struct relay *y)
{
	struct session *s = y->session;

	LIST_REMOVE(y, entry);
	s->n_relays--;
	s->held -= y->held;
	sd_event_source_disable_unref(y->client_source);
	sd_event_source_disable_unref(y->link_source);
	sd_event_source_disable_unref(y->stalled);
	outbox_done(&y->to_client);
	outbox_done(&y->to_link);
	close_inbox(y);
	/* zcrxd is about to close what it has of a call that was not answered. */
	while (y->n_kept > 0)
		session_close_late(s, y->kept[--y->n_kept]);
	close(y->link);
	session_close(s, y->client);
	free(y);
}

/* ---------------------------------------------------------------------------- client -> zcrxd */

static int relay_call(struct relay *y, struct message *m)
{
	_cleanup_free_ int *sent = reallocarray(NULL, MESSAGE_FDS_MAX, sizeof(*sent));
	struct message out = {};
	struct call call;
	int r;

	while (y->n_kept < m->n_fds) {
		y->kept[y->n_kept] = m->fds[y->n_kept];
		y->n_kept++;
	}
	m->n_fds = 0;
	if (!sent)
		return -ENOMEM;
	r = call_rewrite(m->text, &call);
	if (r < 0)
		return r;
	for (size_t i = 0; i < y->n_kept; i++)
		sent[i] = vet_descriptor(y->kept[i]) ? y->kept[i] : y->session->placeholder;
	out = (struct message){ .text = call.text, .n = call.n, .fds = TAKE_PTR(sent),
				.n_fds = y->n_kept };
	r = outbox_add(&y->to_link, &out, false);
	message_done(&out);
	if (r < 0)
		return r;
	y->calling = y->progress = true;
	y->continues = false;
	y->oneway = call.oneway;
	if (call.n > y->largest)
		y->largest = call.n;
	return 0;
}

static int relay_forward(struct relay *y)
{
	struct message m;
	int r;

	r = inbox_next(&y->from_client, &m);
	if (r <= 0)
		return r;
	if (m.n > MESSAGE_MAX)
		r = relay_complain(y, SESSION_LONG_MESSAGE);
	else if (m.n_fds > MESSAGE_FDS_MAX)
		r = relay_complain(y, SESSION_MANY_DESCRIPTORS);
	else
		r = relay_call(y, &m);
	for (size_t i = 0; i < m.n_fds; i++)
		session_close(y->session, m.fds[i]);
	message_done(&m);
	return r;
}

bool relay_reads(const struct relay *y)
{
	return !y->calling && !y->finished && !y->gone && !y->hung_up && !y->session->full &&
	       outbox_is_empty(&y->to_client);
}

/* Of the message that comes next, which need not be whole to be too much. */
static int relay_check_first(struct relay *y)
{
	if (inbox_first_fds(&y->from_client) > MESSAGE_FDS_MAX)
		return relay_complain(y, SESSION_MANY_DESCRIPTORS);
	if (y->from_client.n > MESSAGE_MAX && !inbox_has_message(&y->from_client))
		return relay_complain(y, SESSION_LONG_MESSAGE);
	return 0;
}

static int relay_read_client(struct relay *y)
{
	struct received in;
	int r;

	if (!relay_reads(y) || !session_may_read(y->session))
		return 0;
	r = receive(y->client, &in);
	if (r <= 0)
		return r;
	if (in.n == 0) {
		y->finished = true;
		return 0;
	}
	r = inbox_add(&y->from_client, in.data, in.n, in.fds, in.n_fds);
	if (r < 0)
		for (size_t i = 0; i < in.n_fds; i++)
			session_close(y->session, in.fds[i]);
	if (r < 0)
		return r;
	return in.truncated ? relay_complain(y, SESSION_MANY_DESCRIPTORS) : relay_check_first(y);
}

/* ---------------------------------------------------------------------------- zcrxd -> client */

static int relay_reply(struct relay *y, struct message *m)
{
	bool last = reply_is_last(m->text);
	int r = 0;

	if (last) {
		y->calling = false;
		release_kept(y);
	} else
		y->continues = true;
	if (!y->oneway && !y->gone)
		r = outbox_add(&y->to_client, m, true);
	for (size_t i = 0; i < m->n_fds; i++)
		close(m->fds[i]);
	message_done(m);
	return r;
}

static int relay_read_link(struct relay *y)
{
	struct received in;
	struct message m;
	int r;

	r = receive(y->link, &in);
	if (r == 0)
		return 0;
	if (r < 0 || in.n == 0) {
		y->hung_up = true;
		(void)sd_event_source_set_enabled(y->link_source, SD_EVENT_OFF);
		return 0;
	}
	r = inbox_add(&y->from_link, in.data, in.n, in.fds, in.n_fds);
	if (r < 0)
		for (size_t i = 0; i < in.n_fds; i++)
			close(in.fds[i]);
	while (r >= 0 && (r = inbox_next(&y->from_link, &m)) > 0)
		r = relay_reply(y, &m);
	return r;
}

/* ---------------------------------------------------------------------------------- events */

static int relay_listen(struct relay *y)
{
	uint32_t client = (relay_reads(y) ? EPOLLIN : 0) |
			  (outbox_is_empty(&y->to_client) ? 0 : EPOLLOUT);
	uint32_t link = EPOLLIN | (outbox_is_empty(&y->to_link) ? 0 : EPOLLOUT);
	int r = 0;

	if (!y->gone)
		r = sd_event_source_set_io_events(y->client_source, client);
	if (r >= 0 && !y->hung_up)
		r = sd_event_source_set_io_events(y->link_source, link);
	return r;
}

static int relay_wait(struct relay *y)
{
	int r;

	if (!relay_account(y))
		return relay_complain(y, SESSION_HOLDS_MUCH);
	r = relay_watch_stall(y);
	return r < 0 ? r : relay_listen(y);
}

/* What is under way when the client hangs up is waited for, as zcrxd has its descriptors until then;
 * but not what never ends: Watch. */
static bool relay_is_over(struct relay *y)
{
	bool over = y->finished || y->gone || y->hung_up;

	if (y->gone && y->calling && !y->hung_up)
		return y->continues;
	if (y->calling && !y->hung_up)
		return false;
	return over && (y->gone || outbox_is_empty(&y->to_client));
}

static int relay_move(struct relay *y)
{
	int r;

	r = y->hung_up ? 0 : outbox_send(&y->to_link, y->link);
	if (r >= 0 && y->gone)
		outbox_done(&y->to_client);
	else if (r >= 0)
		r = outbox_send(&y->to_client, y->client);
	if (r > 0)
		y->progress = true;
	while (r >= 0 && !y->calling && !y->gone && !y->hung_up &&
	       outbox_is_empty(&y->to_client) && inbox_has_message(&y->from_client)) {
		r = relay_forward(y);
		if (r >= 0)
			r = outbox_send(&y->to_link, y->link);
	}
	/* It may have come along with the one before it. */
	if (r < 0 || y->calling || y->gone || !outbox_is_empty(&y->to_client))
		return r;
	return relay_check_first(y);
}

static void relay_proceed(struct relay *y, int r)
{
	if (r >= 0)
		r = relay_move(y);
	if (r >= 0 && !relay_is_over(y))
		r = relay_wait(y);
	else
		r = -ECONNRESET;
	if (r < 0)
		relay_end(y);
}

void relay_update(struct relay *y)
{
	(void)relay_listen(y);
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct relay *y = userdata;
	int r = 0;

	if (revents & EPOLLIN)
		r = relay_read_client(y);
	/* Both directions are dead; what it has sent before is read first. */
	if (r >= 0 && (revents & (EPOLLHUP | EPOLLERR)) && !(revents & EPOLLIN)) {
		y->gone = true;
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	relay_proceed(y, r);
	return 0;
}

static int on_link(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct relay *y = userdata;

	relay_proceed(y, relay_read_link(y));
	return 0;
}

/* ------------------------------------------------------------------------------- begin */

static bool is_refused(int link)
{
	char c;

	return recv(link, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static int relay_attach(struct relay *y)
{
	sd_event *event = y->session->event;
	int r;

	r = sd_event_add_io(event, &y->client_source, y->client, EPOLLIN, on_client, y);
	return r < 0 ? r : sd_event_add_io(event, &y->link_source, y->link, EPOLLIN, on_link, y);
}

void relay_new(struct session *s, uid_t uid, int link)
{
	int client = receive_first(link);
	struct relay *y;

	if (client < 0) {
		close(link);
		return;
	}
	y = is_refused(link) ? NULL : calloc(1, sizeof(*y));
	if (!y) {
		close(link);
		session_close(s, client);
		return;
	}
	y->session = s;
	y->uid = uid;
	y->client = client;
	y->link = link;
	outbox_init(&y->to_client);
	outbox_init(&y->to_link);
	LIST_INSERT_HEAD(&s->relays, y, entry);
	s->n_relays++;
	if (relay_attach(y) < 0)
		relay_end(y);
}
