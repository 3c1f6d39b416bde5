/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How soon a program hears of what has arrived: 256 bytes there and back, over and over.
 *
 *	zcrx-round-trip serve MODE ADDRESS PORT CONNECTIONS    answers; MODE is recv, wait or poll
 *	zcrx-round-trip ask ADDRESS PORT CONNECTIONS SECONDS   prints the answers in a second
 *
 * recv: epoll and recv(), without zcrxd. wait: zcrx_queue_wait() without a timeout. poll: an epoll of
 * the program's own with zcrx_queue_get_fd(), and zcrx_queue_wait() that does not wait.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <zcrx-client.h>

#include "macro.h"

#define LENGTH		256U
#define CONNECTIONS_MAX 64U

struct connection {
	int socket;
	size_t received;
	struct zcrx_stream *stream;
};

static struct connection connections[CONNECTIONS_MAX];
static unsigned n_connections, n_open;
static const char message[LENGTH];

static int check(int r, const char *what)
{
	if (r >= 0)
		return r;
	fprintf(stderr, "zcrx-round-trip: Cannot %s: %s\n", what, strerror(-r));
	exit(1);
}

static struct sockaddr_in address_of(const char *address, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	check(inet_pton(AF_INET, address, &a.sin_addr) == 1 ? 0 : -EINVAL, "read the address");
	return a;
}

static int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return check(fd < 0 ? -errno : fd, "make a socket");
}

static void set_no_delay(int socket)
{
	int one = 1;

	check(setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ? -errno : 0,
	      "set TCP_NODELAY");
}

static void answer(struct connection *c, size_t length)
{
	c->received += length;
	for (; c->received >= LENGTH; c->received -= LENGTH)
		if (send(c->socket, message, LENGTH, MSG_NOSIGNAL) < 0)
			return; /* nobody asks any more */
}

static void serve_recv(void)
{
	int epoll = check(epoll_create1(EPOLL_CLOEXEC), "make an epoll");
	struct epoll_event events[CONNECTIONS_MAX];
	static char buffer[65536];

	for (unsigned i = 0; i < n_connections; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = &connections[i] };

		check(epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].socket, &e),
		      "watch a connection");
	}
	while (n_open > 0) {
		int n = epoll_wait(epoll, events, CONNECTIONS_MAX, -1);

		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			ssize_t length = recv(c->socket, buffer, sizeof(buffer), 0);

			if (length > 0) {
				answer(c, (size_t)length);
				continue;
			}
			epoll_ctl(epoll, EPOLL_CTL_DEL, c->socket, NULL);
			n_open--;
		}
	}
}

static void handle(struct zcrx_queue *q, const struct zcrx_event *e)
{
	struct connection *c = e->userdata;

	if (e->type == ZCRX_EVENT_DATA) {
		answer(c, e->length);
		check(zcrx_queue_return(q, e->data), "return a buffer");
	} else if (e->type == ZCRX_EVENT_EOF || e->type == ZCRX_EVENT_ERROR) {
		zcrx_stream_free(e->stream);
		n_open--;
	}
}

static void serve_queue(struct zcrx_queue *q, bool by_poll)
{
	int epoll = check(epoll_create1(EPOLL_CLOEXEC), "make an epoll");
	struct epoll_event e = { .events = EPOLLIN };
	const struct zcrx_event *event;

	if (by_poll)
		check(epoll_ctl(epoll, EPOLL_CTL_ADD, zcrx_queue_get_fd(q), &e) < 0 ? -errno : 0,
		      "watch the queue");
	for (unsigned i = 0; i < n_connections; i++)
		check(zcrx_queue_receive(q, connections[i].socket, &connections[i],
					 &connections[i].stream),
		      "receive");
	while (n_open > 0) {
		if (by_poll)
			epoll_wait(epoll, &e, 1, -1);
		while (n_open > 0 &&
		       check(zcrx_queue_wait(q, by_poll ? 0 : -1, &event), "wait") > 0)
			handle(q, event);
	}
}

static struct zcrx_queue *lease_queue(int listener)
{
	struct zcrx_client *client;
	struct zcrx_lease *lease;
	struct zcrx_queue *q;

	check(zcrx_client_new(&client), "make a client");
	check(zcrx_client_connect(client, NULL), "connect to zcrxd");
	check(zcrx_lease_new(client, &lease), "make a lease");
	check(zcrx_lease_acquire(lease), "lease a queue");
	check(zcrx_queue_new(lease, 0, &q), "make a queue");
	check(zcrx_queue_register(q), "register the queue");
	check(zcrx_queue_steer_socket(q, listener), "steer");
	return q;
}

static int serve(const char *mode, const struct sockaddr_in *address)
{
	int one = 1, listener = new_socket();
	struct zcrx_queue *q;

	check(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
			      bind(listener, (const struct sockaddr *)address, sizeof(*address)) ==
				      0 &&
			      listen(listener, CONNECTIONS_MAX) == 0
		      ? 0
		      : -errno,
	      "listen");
	q = streq(mode, "recv") ? NULL : lease_queue(listener);
	puts("listening");
	fflush(stdout);
	for (unsigned i = 0; i < n_connections; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		connections[i].socket = check(fd < 0 ? -errno : fd, "accept");
		set_no_delay(fd);
	}
	n_open = n_connections;
	if (q)
		serve_queue(q, streq(mode, "poll"));
	else
		serve_recv();
	return 0; /* the lease ends with the process */
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* So many questions are under way at any time; what comes before the first second is not counted.
 */
static int ask(const struct sockaddr_in *address, double duration)
{
	int epoll = check(epoll_create1(EPOLL_CLOEXEC), "make an epoll");
	struct epoll_event events[CONNECTIONS_MAX];
	uint64_t answers = 0;
	double begin, warm;
	char buffer[4096];

	for (unsigned i = 0; i < n_connections; i++) {
		struct connection *c = &connections[i];
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

		c->socket = new_socket();
		check(connect(c->socket, (const struct sockaddr *)address, sizeof(*address)) < 0
			      ? -errno
			      : 0,
		      "connect");
		set_no_delay(c->socket);
		check(epoll_ctl(epoll, EPOLL_CTL_ADD, c->socket, &e), "watch a connection");
	}
	begin = warm = seconds();
	for (unsigned i = 0; i < n_connections; i++)
		answer(&connections[i], LENGTH);
	while (seconds() < begin + 1.5 * duration) {
		int n = epoll_wait(epoll, events, CONNECTIONS_MAX, 1000);

		if (warm == begin && seconds() > begin + duration / 2) {
			warm = seconds();
			answers = 0;
		}
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			ssize_t length = recv(c->socket, buffer, sizeof(buffer), 0);

			check(length > 0 ? 0 : -EPIPE, "hear an answer");
			answers += (c->received + (size_t)length) / LENGTH;
			answer(c, (size_t)length);
		}
	}
	printf("{\"perSecond\":%.1f}\n", (double)answers / (seconds() - warm));
	return 0;
}

int main(int argc, char *argv[])
{
	bool serves = argc == 6 && streq(argv[1], "serve"),
	     asks = argc == 6 && streq(argv[1], "ask");
	struct sockaddr_in address;

	if (!serves && !asks) {
		fputs("usage: zcrx-round-trip serve MODE ADDRESS PORT CONNECTIONS\n"
		      "       zcrx-round-trip ask ADDRESS PORT CONNECTIONS SECONDS\n",
		      stderr);
		return 2;
	}
	n_connections = (unsigned)atoi(argv[serves ? 5 : 4]);
	if (n_connections < 1 || n_connections > CONNECTIONS_MAX)
		return 2;
	address = serves ? address_of(argv[3], argv[4]) : address_of(argv[2], argv[3]);
	return serves ? serve(argv[2], &address) : ask(&address, atof(argv[5]));
}
