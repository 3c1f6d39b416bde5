/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An HTTP/1.1 server that takes uploads by zero copy:
 *
 *	http-upload PORT DIRECTORY
 *
 * PUT or POST /NAME stores the body as NAME in DIRECTORY, written from where the NIC has put it: the program
 * copies heads of requests, and nothing else. A file appears when all of it is there. Requests may be pipelined;
 * a body needs a Content-Length. Ends when killed. The variable INTERFACE may name the NIC.
 *
 * Build: cc http-upload.c http-head.c $(pkg-config --cflags --libs libzcrx-client)
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <zcrx-client.h>

#include "http-head.h"

#define IDLE	30		    /* seconds without a byte, after which a connection is closed */
#define LINGER	((uint64_t)1 << 20) /* bytes that are still read after the last answer */
#define LARGEST ((uint64_t)1 << 34)
#define SOME	256 /* events, after which the others have their turn */

struct connection {
	struct connection *next;
	struct zcrx_stream *stream;
	time_t heard;
	int over;    /* the last answer is given: what comes is not looked at */
	int closing; /* after this request */
	char head[HEAD_MAX];
	size_t head_size;
	struct head request;
	int file;   /* -1: the head is being received */
	int failed; /* errno of writing it */
	char part[32];
	uint64_t left; /* of the body, or of LINGER */
};

static struct zcrx_client *client;
static struct zcrx_queue *queue;
static struct connection *connections;
static int directory;
static volatile sig_atomic_t stopped;

static void stop(int number)
{
	stopped = number;
}

static void fail(const char *what, int error)
{
	const char *why = client ? zcrx_client_error(client) : "";

	fprintf(stderr, "%s: %s\n", what, *why ? why : strerror(-error));
	exit(1);
}

static int listen_on(int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr *address = (struct sockaddr *)&six; /* of IPv4, too */
	socklen_t size = sizeof(six);
	int one = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 && errno == EAFNOSUPPORT) { /* a machine without IPv6 */
		address = (struct sockaddr *)&four;
		size = sizeof(four);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	}
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, address, size) < 0 || listen(fd, 128) < 0)
		fail("Cannot listen", -errno);
	return fd;
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* What was begun to be stored is not kept. */
static void close_connection(struct connection *c)
{
	struct connection **at = &connections;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->file >= 0) {
		close(c->file);
		unlinkat(directory, c->part, 0);
	}
	zcrx_stream_free(c->stream); /* closes the socket */
	free(c);
}

/* Answers are short: a peer for which there is no room does not read them, and is not waited for. */
static int say(struct connection *c, const char *text)
{
	size_t size = strlen(text);

	return send(zcrx_stream_get_socket(c->stream), text, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size ? 0 : -1;
}

static int answer(struct connection *c, const char *status, int closing)
{
	char text[256];

	snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n%s%s%s\r\n", status,
		 strncmp(status, "204", 3) == 0 ? "" : "Content-Length: 0\r\n",
		 strncmp(status, "405", 3) == 0 ? "Allow: PUT, POST\r\n" : "",
		 closing ? "Connection: close\r\n" : "");
	return say(c, text);
}

/* What still comes is read and dropped: to close with data unread resets the connection, and the answer may be lost. */
static int end(struct connection *c)
{
	c->over = 1;
	c->left = LINGER;
	return shutdown(zcrx_stream_get_socket(c->stream), SHUT_WR);
}

static int refuse(struct connection *c, const char *status)
{
	return answer(c, status, 1) < 0 ? -1 : end(c);
}

/* The head is complete. Under another name until all of the body is there. */
static int begin_body(struct connection *c)
{
	static unsigned int number;
	const char *status = head_parse(c->head, c->head_size, &c->request);

	if (!status && c->request.length > LARGEST)
		status = "413 Content Too Large";
	if (status)
		return refuse(c, status);
	c->closing = c->request.closes;
	c->left = c->request.length;
	c->failed = 0;
	snprintf(c->part, sizeof(c->part), ".%u.part", number++);
	c->file = openat(directory, c->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (c->file < 0)
		return refuse(c, "500 Internal Server Error");
	return c->request.waits && c->left > 0 ? say(c, "HTTP/1.1 100 Continue\r\n\r\n") : 0;
}

/* The body is complete. */
static int end_body(struct connection *c)
{
	int there = faccessat(directory, c->request.name, F_OK, 0) == 0;
	int failed = close(c->file) < 0 ? errno : c->failed;

	c->file = -1;
	c->head_size = 0;
	if (!failed && renameat(directory, c->part, directory, c->request.name) < 0)
		failed = errno;
	if (failed) {
		unlinkat(directory, c->part, 0);
		return refuse(c, failed == ENOSPC ? "507 Insufficient Storage" : "500 Internal Server Error");
	}
	printf("%s: %" PRIu64 " bytes\n", c->request.name, c->request.length);
	fflush(stdout);
	if (answer(c, there ? "204 No Content" : "201 Created", c->closing) < 0)
		return -1;
	return c->closing ? end(c) : 0;
}

/* How much of it is body; the rest is the next request's. */
static size_t take_body(struct connection *c, const char *data, size_t size)
{
	size_t n = size < c->left ? size : (size_t)c->left, done = 0;

	while (done < n && !c->failed) {
		ssize_t w = write(c->file, data + done, n - done);

		if (w < 0)
			c->failed = errno; /* is told when all has come */
		else
			done += (size_t)w;
	}
	c->left -= n;
	return n;
}

/* -1: the connection is to be closed. */
static int take(struct connection *c, const char *data, size_t size)
{
	int r = 0;

	while (r == 0 && (size > 0 || (c->file >= 0 && c->left == 0))) {
		size_t n;

		if (c->over) {
			if (size >= c->left)
				return -1;
			c->left -= size;
			return 0;
		}
		if (c->file >= 0) {
			n = take_body(c, data, size);
			if (c->left == 0)
				r = end_body(c);
		} else {
			n = head_collect(c->head, &c->head_size, data, size);
			if (head_is_complete(c->head, c->head_size))
				r = begin_body(c);
			else if (c->head_size == HEAD_MAX)
				r = refuse(c, "431 Request Header Fields Too Large");
		}
		data += n;
		size -= n;
	}
	return r;
}

static void handle(const struct zcrx_event *event)
{
	struct connection *c = event->userdata;
	int r;

	if (event->type == ZCRX_EVENT_DATA) {
		c->heard = now();
		r = take(c, event->data, event->length);
		zcrx_queue_return(queue, event->data);
		if (r < 0)
			close_connection(c);
	} else if (event->type == ZCRX_EVENT_EOF || event->type == ZCRX_EVENT_ERROR) {
		close_connection(c);
	} else if (event->type == ZCRX_EVENT_LEASE_GONE) {
		fprintf(stderr, "The lease has ended: %s.\n", event->message);
		if (event->error == -ENODEV)
			stopped = 1;
	}
}

static void accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct connection *c = calloc(1, sizeof(*c));

		if (c && zcrx_queue_receive(queue, fd, c, &c->stream) >= 0) {
			c->file = -1;
			c->heard = now();
			c->next = connections;
			connections = c;
		} else {
			free(c);
		}
		close(fd); /* the stream has a duplicate */
	}
}

/* Once a second. */
static void close_idle(void)
{
	static time_t last;
	time_t t = now();
	struct connection *c, *next;

	if (t == last)
		return;
	last = t;
	for (c = connections; c; c = next) {
		next = c->next;
		if (t - c->heard > IDLE)
			close_connection(c);
	}
}

static void serve(int listener)
{
	struct pollfd p[] = { { .fd = listener, .events = POLLIN },
			      { .fd = zcrx_queue_get_fd(queue), .events = POLLIN } };
	const struct zcrx_event *event;
	int n = 0;

	while (!stopped) {
		/* The descriptor tells only once that zcrx_queue_wait() has returned 0. */
		if (poll(p, 2, n == SOME ? 0 : 1000) > 0 && p[0].revents)
			accept_all(listener);
		for (n = 0; n < SOME && zcrx_queue_wait(queue, 0, &event) > 0; n++)
			handle(event);
		close_idle();
	}
	while (connections)
		close_connection(connections);
}

int main(int argc, char **argv)
{
	struct zcrx_lease *lease = NULL;
	uint64_t copied;
	int listener, r;

	if (argc != 3) {
		fprintf(stderr, "usage: %s PORT DIRECTORY\n", argv[0]);
		return 2;
	}
	directory = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		fail(argv[2], -errno);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	listener = listen_on(atoi(argv[1]));
	r = zcrx_client_new(&client);
	if (r >= 0)
		r = zcrx_client_connect(client, NULL);
	if (r >= 0)
		r = zcrx_lease_new(client, &lease);
	if (r >= 0)
		r = zcrx_lease_set_interface(lease, getenv("INTERFACE"));
	if (r >= 0)
		r = zcrx_lease_acquire(lease);
	if (r >= 0)
		r = zcrx_queue_new(lease, 0, &queue);
	if (r >= 0)
		r = zcrx_queue_register(queue);
	if (r >= 0)
		r = zcrx_queue_steer_socket(queue, listener);
	if (r < 0)
		fail("Cannot begin", r);
	printf("listening\n");
	fflush(stdout);
	serve(listener);
	if (zcrx_queue_get_copied(queue, NULL, &copied) >= 0)
		printf("%" PRIu64 " bytes were copied\n", copied);
	zcrx_queue_unref(queue);
	zcrx_lease_release(lease);
	zcrx_lease_unref(lease);
	zcrx_client_unref(client);
	return 0;
}
