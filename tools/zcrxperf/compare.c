/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See compare.h: the connections, and the modes one by one (each is compare-measure.c's). The other side sends only what
 * it is asked for, so the connections are quiet when a mode lets go of them: what the NIC has placed for zero copy,
 * recv(2) cannot read.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "compare-measure.h"
#include "listener.h"
#include "macro.h"

static int accept_one(struct compare *c)
{
	int fd = accept4(c->plain.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;

	if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
		return STATUS_DONE;
	if (fd < 0)
		return fail("Cannot accept a connection: %s.", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->connections[c->n++].socket = fd;
	return c->n == 1 ? compare_ask(c, 0, REQUEST_CONNECTIONS, c->options->connections) : STATUS_DONE;
}

/* Nothing was asked for yet. */
static int check_quiet(const struct compare *c)
{
	char byte;

	for (unsigned int i = 0; i < c->n; i++)
		if (recv(c->connections[i].socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
			return compare_fail_for_noise();
	return STATUS_DONE;
}

/* The first whenever it comes, the others soon after it. */
static int accept_all(struct compare *c)
{
	double last = meter_now();
	int r;

	r = session_watch(&c->plain, c->plain.listener);
	while (r == STATUS_DONE && c->n < c->options->connections) {
		unsigned int before = c->n;
		bool happened;

		r = compare_wait(&c->plain, c->n > 0 ? (int)(COMPARE_PATIENCE * 1000) : -1, &happened);
		if (r == STATUS_DONE && happened)
			r = accept_one(c);
		if (c->n > before)
			last = meter_now();
		else if (r == STATUS_DONE && c->n > 0 && meter_now() - last > COMPARE_PATIENCE)
			return fail("Only %u of %u connections came. Is the other side zcrxperf answer?", c->n,
				    c->options->connections);
	}
	epoll_ctl(c->plain.epoll, EPOLL_CTL_DEL, c->plain.listener, NULL);
	return r == STATUS_DONE ? check_quiet(c) : r;
}

static int add_all(struct compare *c, struct session *s)
{
	int r = STATUS_DONE;

	s->connections = c->connections;
	for (s->n_accepted = 0; s->n_accepted < c->n && r == STATUS_DONE;) {
		struct connection *connection = &c->connections[s->n_accepted++];

		connection->session = s;
		r = s->mode->add(s, connection);
	}
	return r == STATUS_DONE ? session_watch(s, s->fd) : r;
}

static void remove_all(struct compare *c, struct session *s)
{
	for (unsigned int i = 0; i < s->n_accepted; i++)
		if (!c->connections[i].ended)
			s->mode->remove(s, &c->connections[i]);
	s->n_accepted = 0;
}

static int compare_plain(struct compare *c, enum mode mode)
{
	struct session *s = &c->plain;
	int r;

	s->mode = mode_ops_of(mode);
	s->fd = -EBADF;
	r = s->mode->open(s);
	if (r == STATUS_DONE)
		r = add_all(c, s);
	if (r == STATUS_DONE)
		r = compare_measure(c, s, mode);
	remove_all(c, s);
	s->mode->close(s);
	s->of_mode = NULL;
	return r;
}

/* First as the NIC spreads the connections, then led to their queues. */
static int compare_leased(struct compare *c)
{
	struct session *s = &c->leased;
	int r;

	r = add_all(c, s);
	if (r == STATUS_DONE)
		r = compare_measure(c, s, MODE_COPY);
	if (r != STATUS_DONE || s->backend)
		return r;
	for (unsigned int i = 0; i < c->n; i++)
		s->mode->steer(s, &c->connections[i]);
	if (s->n_unsteered > 1)
		fail("warning: %u connections are copied, likewise.", s->n_unsteered);
	return compare_measure(c, s, MODE_ZERO_COPY);
}

static int open_leased(struct compare *c)
{
	struct session *s = &c->leased;
	int r = s->mode->open(s);

	if (r == STATUS_DONE && s->backend && streq(s->backend, "direct"))
		return fail("compare has to lead its connections to the queue, and not to it, by itself; with the backend "
			    "\"direct\" it cannot. Use zcrxd, or receive.");
	return r;
}

static int compare_all(struct compare *c)
{
	int r;

	r = listener_bind(c->options, &c->plain.listener);
	if (r == STATUS_DONE)
		r = open_leased(c);
	if (r == STATUS_DONE)
		r = listener_start(c->options, c->plain.listener);
	if (r != STATUS_DONE)
		return r;
	fprintf(c->options->json ? stderr : stdout, "listening on port %u\n", c->options->port);
	fflush(stdout);
	r = accept_all(c);
	if (r == STATUS_DONE)
		r = compare_plain(c, MODE_RECV);
	if (r == STATUS_DONE)
		r = compare_plain(c, MODE_READ);
	return r == STATUS_DONE ? compare_leased(c) : r;
}

static int judge(struct compare *c, int r)
{
	uint64_t wrong = 0;

	for (unsigned int i = 0; i < c->n; i++)
		wrong += c->connections[i].check.wrong;
	c->result.wrong = wrong;
	c->result.connections = c->n;
	c->result.leased = &c->leased;
	if (c->result.n > 0)
		compare_report(&c->result);
	if (wrong > 0)
		return fail("%" PRIu64 " bytes are wrong.", wrong);
	/* Whoever interrupts it has what there is. */
	return c->plain.interrupted || c->leased.interrupted ? STATUS_DONE : r;
}

static int run(struct compare *c)
{
	int r;

	r = session_catch_signals(&c->plain);
	c->leased.epoll = c->plain.epoll;
	c->leased.signals = c->plain.signals;
	if (r == STATUS_DONE)
		r = compare_all(c);
	remove_all(c, &c->leased);
	r = judge(c, r);
	c->leased.mode->close(&c->leased);
	for (unsigned int i = 0; i < c->n; i++)
		closep(&c->connections[i].socket);
	for (unsigned int i = 0; i < _MODE_MAX; i++)
		meter_free(&c->result.modes[i].meter);
	closep(&c->plain.listener);
	closep(&c->plain.signals);
	closep(&c->plain.epoll);
	return r;
}

int compare_run(const struct options *o)
{
	const struct session empty = {
		.options = o,
		.mode = mode_ops_of(MODE_ZERO_COPY),
		.fd = -EBADF,
		.epoll = -EBADF,
		.listener = -EBADF,
		.signals = -EBADF,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	struct compare *c = calloc(1, sizeof(*c));
	int r;

	if (c)
		*c = (struct compare) { .options = o, .plain = empty, .leased = empty };
	if (c)
		c->connections = calloc(o->connections, sizeof(*c->connections));
	if (c)
		c->requested = calloc(o->connections, sizeof(*c->requested));
	r = c && c->connections && c->requested ? run(c) : fail("Out of memory.");
	if (c) {
		free(c->connections);
		free(c->requested);
	}
	free(c);
	return r;
}
