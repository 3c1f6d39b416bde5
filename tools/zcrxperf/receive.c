/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `zcrxperf receive`, apart from how a mode receives. See session.h. */
#include <errno.h>
#include <inttypes.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "listener.h"
#include "macro.h"
#include "session.h"

static int accept_connections(struct session *s)
{
	while (s->n_accepted < s->options->connections) {
		struct connection *c = &s->connections[s->n_accepted];
		int r;

		c->socket = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (c->socket < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
			return STATUS_DONE;
		if (c->socket < 0)
			return fail("Cannot accept a connection: %s.", strerror(errno));
		c->session = s;
		s->n_accepted++;
		r = s->mode->add(s, c);
		if (r != STATUS_DONE)
			return r;
	}
	return STATUS_DONE;
}

static bool is_complete(struct session *s)
{
	bool complete;

	pthread_mutex_lock(&s->lock);
	complete = (s->options->bytes > 0 && s->bytes >= s->options->bytes) ||
		   s->n_ended == s->options->connections;
	pthread_mutex_unlock(&s->lock);
	return complete;
}

static uint64_t bytes_of(struct session *s)
{
	uint64_t bytes;

	pthread_mutex_lock(&s->lock);
	bytes = s->bytes;
	pthread_mutex_unlock(&s->lock);
	return bytes;
}

static int loop(struct session *s, struct meter *m)
{
	struct epoll_event events[8];
	int n, r = STATUS_DONE;

	while (r == STATUS_DONE && !is_complete(s)) {
		n = session_wait(s, events, ARRAY_SIZE(events), meter_timeout(m));
		meter_tell(m, bytes_of(s));
		if (n < 0 && errno != EINTR)
			return fail("Cannot poll: %s.", strerror(errno));
		for (int i = 0; i < n && r == STATUS_DONE; i++)
			if (events[i].data.fd == s->signals) {
				s->interrupted = true;
				return STATUS_DONE;
			} else if (events[i].data.fd == s->listener) {
				r = accept_connections(s);
			} else {
				r = s->mode->process(s);
			}
		if (r == STATUS_DONE)
			r = session_go_on(s);
	}
	return r;
}

/* Did everything come that was to come, and was it right? */
static int judge(const struct session *s)
{
	uint64_t wrong = 0;

	for (unsigned int i = 0; i < s->n_accepted; i++)
		wrong += s->connections[i].check.wrong;
	if (wrong > 0)
		return fail("%" PRIu64 " bytes are wrong.", wrong);
	if (s->options->bytes > s->bytes && !s->interrupted)
		return fail("Only %" PRIu64 " of %" PRIu64 " bytes came.", s->bytes,
			    s->options->bytes);
	return s->status;
}

static int receive_all(struct session *s)
{
	int r;

	meter_start(&s->meter, s->options, NULL, s->options->bytes);
	r = loop(s, &s->meter);
	meter_stop(&s->meter);
	return r;
}

static int run(struct session *s)
{
	int r;

	r = listener_bind(s->options, &s->listener);
	if (r == STATUS_DONE)
		r = s->mode->open(s);
	if (r != STATUS_DONE || s->interrupted)
		return r;
	r = listener_start(s->options, s->listener);
	if (r == STATUS_DONE && s->mode->listening)
		r = s->mode->listening(s);
	if (r != STATUS_DONE || s->interrupted)
		return r;
	r = session_watch(s, s->listener);
	if (r == STATUS_DONE)
		r = session_watch(s, s->fd);
	if (r != STATUS_DONE)
		return r;
	/* Whoever waits for this line may connect now. */
	fprintf(s->options->json ? stderr : stdout, "listening on port %u\n", s->options->port);
	fflush(stdout);
	return receive_all(s);
}

int receive_run(const struct options *o)
{
	struct session s = {
		.options = o,
		.mode = mode_ops_of(o->mode),
		.fd = -EBADF,
		.epoll = -EBADF,
		.listener = -EBADF,
		.signals = -EBADF,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	bool stopped;
	int r;

	s.connections = calloc(o->connections, sizeof(*s.connections));
	if (!s.connections)
		return fail("Out of memory.");
	r = session_catch_signals(&s);
	if (r == STATUS_DONE)
		r = run(&s);
	stopped = o->stop_after != STAGE_NONE;
	if (s.mode->stop)
		s.mode->stop(&s);
	for (unsigned int i = 0; i < s.n_accepted; i++)
		if (!s.connections[i].ended) {
			s.mode->remove(&s, &s.connections[i]);
			close(s.connections[i].socket);
		}
	s.mode->close(&s);
	if (r == STATUS_DONE && !stopped) {
		receive_report(&s);
		r = judge(&s);
	}
	closep(&s.listener);
	closep(&s.signals);
	closep(&s.epoll);
	meter_free(&s.meter);
	free(s.connections);
	return r;
}
