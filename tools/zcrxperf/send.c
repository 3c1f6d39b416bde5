/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `zcrxperf send`: writes the pattern to every connection at once until each has its bytes, then
 * waits until the receiver has closed, so that its end means that everything arrived.
 */
#include "send.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "connect.h"
#include "figures.h"
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
		printf("sent       %" PRIu64 " bytes on %u connection%s in %.3f s: %s\n",
		       sent, o->connections, o->connections == 1 ? "" : "s", seconds,
		       text_rate(rate).text);
}

static int make_sender(const struct options *o, const struct addrinfo *address, struct sender *x)
{
	x->buffer = malloc(CHUNK);
	if (!x->buffer || getrandom(&x->seed, sizeof(x->seed), 0) < 0)
		return fail("Cannot make a connection: %s.", strerror(errno));
	return connect_one(o, address, &x->socket);
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
	r = connect_resolve(o, &address);
	for (unsigned int i = 0; i < o->connections && r == STATUS_DONE; i++)
		r = make_sender(o, address, &senders[i]);
	start = meter_now();
	if (r == STATUS_DONE)
		r = send_all(o, senders);
	if (r == STATUS_DONE)
		report(o, senders, meter_now() - start);
	for (unsigned int i = 0; i < o->connections; i++) {
		closep(&senders[i].socket);
		free(senders[i].buffer);
	}
	free(senders);
	if (address)
		freeaddrinfo(address);
	return r;
}
