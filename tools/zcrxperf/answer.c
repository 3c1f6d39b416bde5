/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See answer.h: it sends what it is asked for (request.h), on as many connections as it is asked for. */
#include "answer.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "connect.h"
#include "figures.h"
#include "macro.h"
#include "pattern.h"
#include "request.h"
#include "session.h"

#define CHUNK ((size_t)256 << 10)

/* One connection. */
struct answerer {
	int socket; /* -EBADF: it has ended */
	uint64_t seed, sent, owed;
	size_t filled, written; /* of the buffer */
	char *buffer;
	uint8_t request[REQUEST_SIZE];
	size_t n_request;
};

struct answering {
	const struct options *options;
	const struct addrinfo *address;
	struct answerer *answerers;
	struct pollfd *polled;
	unsigned int n, n_ended;
};

static int open_one(struct answering *a)
{
	struct answerer *x = &a->answerers[a->n];
	int one = 1, r;

	x->buffer = malloc(CHUNK);
	if (!x->buffer || getrandom(&x->seed, sizeof(x->seed), 0) < 0)
		return fail("Cannot make a connection: %s.", strerror(errno));
	r = connect_one(a->options, a->address, &x->socket);
	if (r != STATUS_DONE)
		return r;
	/* What is measured is how long an answer takes, not how long TCP waits for more of it. */
	setsockopt(x->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	a->n++;
	return STATUS_DONE;
}

static int open_all(struct answering *a, uint64_t n)
{
	int r = STATUS_DONE;

	while (r == STATUS_DONE && a->n < n)
		r = open_one(a);
	return r;
}

static void end(struct answering *a, struct answerer *x)
{
	close(TAKE_FD(x->socket));
	a->n_ended++;
}

/* Takes in what it is asked for. */
static int hear(struct answering *a, struct answerer *x)
{
	ssize_t n = recv(x->socket, x->request + x->n_request, sizeof(x->request) - x->n_request, MSG_DONTWAIT);
	enum request_kind kind;
	uint64_t value;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return STATUS_DONE;
	if (n <= 0) { /* it had enough */
		end(a, x);
		return STATUS_DONE;
	}
	x->n_request += (size_t)n;
	if (x->n_request < sizeof(x->request))
		return STATUS_DONE;
	x->n_request = 0;
	if (request_unpack(x->request, &kind, &value) < 0)
		return fail("What %s sent is no request: is it zcrxperf compare, of this version, that listens there?",
			    a->options->host);
	if (kind == REQUEST_CONNECTIONS)
		return open_all(a, value);
	if (__builtin_add_overflow(x->owed, value, &x->owed))
		return fail("%s asked for too much.", a->options->host);
	return STATUS_DONE;
}

static int say(struct answering *a, struct answerer *x)
{
	ssize_t n;

	if (x->written == x->filled) {
		x->filled = x->owed < CHUNK ? (size_t)x->owed : CHUNK;
		x->written = 0;
		pattern_fill(x->seed, x->sent, x->buffer, x->filled);
	}
	n = send(x->socket, x->buffer + x->written, x->filled - x->written, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return STATUS_DONE;
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
		end(a, x);
		return STATUS_DONE;
	}
	if (n < 0)
		return fail("Cannot send to %s: %s.", a->options->host, strerror(errno));
	x->written += (size_t)n;
	x->sent += (uint64_t)n;
	x->owed -= (uint64_t)n;
	return STATUS_DONE;
}

static int answer_all(struct answering *a)
{
	int r = STATUS_DONE;

	while (r == STATUS_DONE && a->n_ended < a->n) {
		const unsigned int n = a->n; /* more of them may come meanwhile */

		for (unsigned int i = 0; i < n; i++)
			a->polled[i] = (struct pollfd) {
				.fd = a->answerers[i].socket,
				.events = (short)(POLLIN | (a->answerers[i].owed > 0 ? POLLOUT : 0)),
			};
		if (poll(a->polled, n, -1) < 0 && errno != EINTR)
			return fail("Cannot poll: %s.", strerror(errno));
		for (unsigned int i = 0; i < n && r == STATUS_DONE; i++) {
			struct answerer *x = &a->answerers[i];

			if (a->polled[i].revents & ~POLLOUT)
				r = hear(a, x);
			if (r == STATUS_DONE && x->socket >= 0 && a->polled[i].revents & POLLOUT)
				r = say(a, x);
		}
	}
	return r;
}

static void report(const struct answering *a)
{
	uint64_t sent = 0;

	for (unsigned int i = 0; i < a->n; i++)
		sent += a->answerers[i].sent;
	if (a->options->json)
		printf("{\"bytes\":%" PRIu64 ",\"connections\":%u}\n", sent, a->n);
	else
		printf("answered   %s on %u connection%s\n", text_bytes(sent).text, a->n, a->n == 1 ? "" : "s");
}

int answer_run(const struct options *o)
{
	struct answering a = { .options = o };
	struct addrinfo *address = NULL;
	int r;

	a.answerers = calloc(CONNECTIONS_MAX, sizeof(*a.answerers));
	a.polled = calloc(CONNECTIONS_MAX, sizeof(*a.polled));
	if (!a.answerers || !a.polled) {
		free(a.answerers);
		free(a.polled);
		return fail("Out of memory.");
	}
	for (unsigned int i = 0; i < CONNECTIONS_MAX; i++)
		a.answerers[i].socket = -EBADF;
	r = connect_resolve(o, &address);
	a.address = address;
	if (r == STATUS_DONE)
		r = open_one(&a);
	if (r == STATUS_DONE)
		r = answer_all(&a);
	if (r == STATUS_DONE)
		report(&a);
	for (unsigned int i = 0; i < CONNECTIONS_MAX; i++) {
		closep(&a.answerers[i].socket);
		free(a.answerers[i].buffer);
	}
	if (address)
		freeaddrinfo(address);
	free(a.answerers);
	free(a.polled);
	return r;
}
