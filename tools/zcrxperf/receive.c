/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `zcrxperf receive`, apart from how a mode receives. See session.h. */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "macro.h"
#include "session.h"

static const struct mode_ops *const modes[_MODE_MAX] = {
	[MODE_ZERO_COPY] = &mode_zero_copy,
	[MODE_COPY] = &mode_copy,
	[MODE_READ] = &mode_read,
};

void session_data(struct connection *c, const void *data, size_t length)
{
	struct session *s = c->session;
	bool enough;

	if (s->options->verify)
		pattern_check(&c->check, data, length);
	pthread_mutex_lock(&s->lock);
	clock_gettime(CLOCK_MONOTONIC, &s->last);
	if (s->bytes == 0)
		s->first = s->last;
	s->bytes += length;
	enough = s->options->bytes > 0 && s->bytes >= s->options->bytes;
	pthread_mutex_unlock(&s->lock);
	if (enough && s->mode->progress)
		s->mode->progress(s);
}

void session_end(struct connection *c, const char *reason)
{
	struct session *s = c->session;

	s->mode->remove(s, c);
	close(TAKE_FD(c->socket));
	pthread_mutex_lock(&s->lock);
	c->ended = true;
	s->n_ended++;
	if (reason)
		s->status = fail("Connection %td ended early: %s", c - s->connections, reason);
	pthread_mutex_unlock(&s->lock);
	if (s->mode->progress)
		s->mode->progress(s);
}

static int look_up(const struct options *o, int family, struct addrinfo **ret)
{
	const struct addrinfo hints = { .ai_family = family,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_NUMERICHOST };
	char port[8];
	int r;

	snprintf(port, sizeof(port), "%u", o->port);
	r = getaddrinfo(o->address, port, &hints, ret);
	return r == 0 ? STATUS_DONE :
			fail("\"%s\" is not an address: %s.", o->address ?: "*", gai_strerror(r));
}

static int make_socket(const struct addrinfo *address)
{
	return socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Dual-stack if no address is given, so that one port serves tcp4 and tcp6; tcp4 alone where there is no
 * IPv6 (ipv6.disable=1, RestrictAddressFamilies=). */
static int make_listener(const struct options *o, int *ret)
{
	_cleanup_close_ int fd = -EBADF;
	struct addrinfo *address;
	int one = 1, zero = 0, r;

	r = look_up(o, o->address ? AF_UNSPEC : AF_INET6, &address);
	if (r != STATUS_DONE)
		return r;
	fd = make_socket(address);
	if (fd < 0 && errno == EAFNOSUPPORT && !o->address) {
		freeaddrinfo(address);
		r = look_up(o, AF_INET, &address);
		if (r != STATUS_DONE)
			return r;
		fd = make_socket(address);
	}
	r = fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (address->ai_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) < 0) ||
	    bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, 128) < 0;
	freeaddrinfo(address);
	if (r)
		return fail("Cannot listen on port %u: %s.", o->port, strerror(errno));
	*ret = TAKE_FD(fd);
	return STATUS_DONE;
}

static int watch(struct session *s, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return fail("Cannot poll: %s.", strerror(errno));
	return STATUS_DONE;
}

static int catch_signals(struct session *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->signals < 0 || s->epoll < 0)
		return fail("Cannot set up polling: %s.", strerror(errno));
	return watch(s, s->signals);
}

int session_stop(struct session *s, enum stage stage)
{
	struct epoll_event e;

	if (s->options->stop_after != stage)
		return 0;
	printf("stopped after %s\n", stage_to_string(stage));
	fflush(stdout);
	while (epoll_wait(s->epoll, &e, 1, -1) < 0 && errno == EINTR)
		;
	return 1;
}

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

static int loop(struct session *s)
{
	struct epoll_event events[8];
	int n, r = STATUS_DONE;

	while (r == STATUS_DONE && !is_complete(s)) {
		n = epoll_wait(s->epoll, events, ARRAY_SIZE(events), -1);
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

static int run(struct session *s)
{
	int r;

	r = s->mode->open(s);
	if (r != STATUS_DONE || s->interrupted)
		return r;
	r = make_listener(s->options, &s->listener);
	if (r == STATUS_DONE && s->mode->listening)
		r = s->mode->listening(s);
	if (r != STATUS_DONE || s->interrupted)
		return r;
	r = watch(s, s->listener);
	if (r == STATUS_DONE)
		r = watch(s, s->fd);
	if (r != STATUS_DONE)
		return r;
	/* Whoever waits for this line may connect now. */
	fprintf(s->options->json ? stderr : stdout, "listening on port %u\n", s->options->port);
	fflush(stdout);
	return loop(s);
}

int receive_run(const struct options *o)
{
	struct session s = {
		.options = o,
		.mode = modes[o->mode],
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
	r = catch_signals(&s);
	if (r == STATUS_DONE)
		r = run(&s);
	stopped = o->stop_after != STAGE_NONE;
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
	free(s.connections);
	return r;
}
