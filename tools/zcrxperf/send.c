/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `zcrxperf send`: writes the pattern to every connection at once until each has its bytes, then
 * waits until the receiver has closed, so that its end means that everything arrived.
 */
#include "send.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "macro.h"
#include "pattern.h"
#include "session.h"

#define CHUNK ((size_t)64 << 10)

struct sender {
	int socket;
	uint64_t seed;
	uint64_t sent;
	size_t filled, written; /* of the buffer */
	bool finished;		/* all sent; waiting for the receiver */
	char *buffer;
};

static int bind_source(int fd, const struct options *o, const struct addrinfo *to)
{
	const struct addrinfo hints = { .ai_family = to->ai_family,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICHOST };
	struct addrinfo *from;
	int r;

	r = getaddrinfo(o->address, NULL, &hints, &from);
	if (r != 0)
		return fail("\"%s\" is not an address to connect to %s from: %s.", o->address,
			    o->host, gai_strerror(r));
	r = bind(fd, from->ai_addr, from->ai_addrlen);
	freeaddrinfo(from);
	return r < 0 ? fail("Cannot connect from %s: %s.", o->address, strerror(errno))
		     : STATUS_DONE;
}

/* Of another family, on a machine without it, or where nobody listens: the next may do. */
static bool has_another(const struct options *o, const struct addrinfo *address)
{
	return address->ai_next && (!o->address || errno == EAFNOSUPPORT);
}

static int make_connection(const struct options *o, const struct addrinfo *address,
			   struct sender *x)
{
	int r;

	x->buffer = x->buffer ?: malloc(CHUNK);
	if (!x->buffer || getrandom(&x->seed, sizeof(x->seed), 0) < 0)
		return fail("Cannot make a connection: %s.", strerror(errno));
	x->socket = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (x->socket < 0 && has_another(o, address))
		return make_connection(o, address->ai_next, x);
	if (x->socket < 0)
		return fail("Cannot make a socket: %s.", strerror(errno));
	if (o->address) {
		r = bind_source(x->socket, o, address);
		if (r != STATUS_DONE)
			return r;
	}
	if (connect(x->socket, address->ai_addr, address->ai_addrlen) == 0)
		return STATUS_DONE;
	if (has_another(o, address)) {
		close(TAKE_FD(x->socket));
		return make_connection(o, address->ai_next, x);
	}
	return fail("Cannot connect to %s, port %u: %s.", o->host, o->port, strerror(errno));
}

/* The next piece of the stream, when the last one is written. */
static void fill(const struct options *o, struct sender *x)
{
	uint64_t left = o->bytes > 0 ? o->bytes - x->sent : CHUNK;

	x->filled = left < CHUNK ? (size_t)left : CHUNK;
	x->written = 0;
	pattern_fill(x->seed, x->sent, x->buffer, x->filled);
}

static int write_some(const struct options *o, struct sender *x)
{
	ssize_t n;

	if (x->written == x->filled)
		fill(o, x);
	n = send(x->socket, x->buffer + x->written, x->filled - x->written,
		 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return STATUS_DONE;
	if (n < 0 && o->bytes == 0 && (errno == EPIPE || errno == ECONNRESET)) {
		x->finished = true; /* the receiver had enough */
		return STATUS_DONE;
	}
	if (n < 0)
		return fail("Cannot send after %" PRIu64 " bytes: %s.", x->sent, strerror(errno));
	x->written += (size_t)n;
	x->sent += (uint64_t)n;
	if (o->bytes > 0 && x->sent == o->bytes) {
		shutdown(x->socket, SHUT_WR);
		x->finished = true;
	}
	return STATUS_DONE;
}

/* Until the receiver closes; it may have had enough before it read everything (--bytes). */
static void wait_for_close(struct sender *x)
{
	char byte;

	while (recv(x->socket, &byte, 1, 0) > 0 || errno == EINTR)
		errno = 0;
}

static int send_all(const struct options *o, struct sender *senders)
{
	_cleanup_free_ struct pollfd *p = calloc(o->connections, sizeof(*p));
	unsigned int left = o->connections;
	int r;

	if (!p)
		return fail("Out of memory.");
	for (unsigned int i = 0; i < o->connections; i++)
		p[i] = (struct pollfd) { .fd = senders[i].socket, .events = POLLOUT };
	while (left > 0) {
		if (poll(p, o->connections, -1) < 0 && errno != EINTR)
			return fail("Cannot poll: %s.", strerror(errno));
		for (unsigned int i = 0; i < o->connections; i++) {
			if (!p[i].revents)
				continue;
			r = write_some(o, &senders[i]);
			if (r != STATUS_DONE)
				return r;
			if (senders[i].finished) {
				p[i].fd = -1; /* poll() ignores it from now on */
				p[i].revents = 0;
				left--;
			}
		}
	}
	for (unsigned int i = 0; i < o->connections; i++)
		wait_for_close(&senders[i]);
	return STATUS_DONE;
}

static void report(const struct options *o, const struct sender *senders, double seconds)
{
	double rate;
	uint64_t sent = 0;

	for (unsigned int i = 0; i < o->connections; i++)
		sent += senders[i].sent;
	rate = seconds > 0 ? (double)sent / seconds : 0;
	if (o->json)
		printf("{\"bytes\":%" PRIu64 ",\"connections\":%u,\"elapsedUSec\":%.0f,"
		       "\"bytesPerSecond\":%.0f}\n",
		       sent, o->connections, seconds * 1e6, rate);
	else
		printf("sent       %" PRIu64 " bytes on %u connection%s in %.3f s: %.1f MiB/s\n",
		       sent, o->connections, o->connections == 1 ? "" : "s", seconds,
		       rate / (1 << 20));
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int resolve(const struct options *o, struct addrinfo **ret)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	char port[8];
	int r;

	snprintf(port, sizeof(port), "%u", o->port);
	r = getaddrinfo(o->host, port, &hints, ret);
	return r == 0 ? STATUS_DONE : fail("Cannot resolve \"%s\": %s.", o->host, gai_strerror(r));
}

int send_run(const struct options *o)
{
	struct sender *senders = calloc(o->connections, sizeof(*senders));
	struct addrinfo *address = NULL;
	double start;
	int r;

	if (!senders)
		return fail("Out of memory.");
	for (unsigned int i = 0; i < o->connections; i++)
		senders[i].socket = -EBADF;
	r = resolve(o, &address);
	for (unsigned int i = 0; i < o->connections && r == STATUS_DONE; i++)
		r = make_connection(o, address, &senders[i]);
	start = now();
	if (r == STATUS_DONE)
		r = send_all(o, senders);
	if (r == STATUS_DONE)
		report(o, senders, now() - start);
	for (unsigned int i = 0; i < o->connections; i++) {
		closep(&senders[i].socket);
		free(senders[i].buffer);
	}
	free(senders);
	if (address)
		freeaddrinfo(address);
	return r;
}
