/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receives files over TCP by zero copy in an epoll loop, as an event library would have one:
 *
 *	receive-epoll PORT DIRECTORY [CONNECTIONS]
 *
 * What comes through each connection is written to a file in DIRECTORY, from where the NIC has put it. Nothing
 * in the loop waits but epoll: it accepts, receives, and asks zcrxd too, for the lease, to register and to
 * steer. Ends when so many CONNECTIONS have been stored, or when killed. The variable INTERFACE may name the NIC.
 *
 * Build: cc receive-epoll.c $(pkg-config --cflags --libs libzcrx-client)
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcrx-client.h>

#define SOME 256 /* events, after which the others have their turn */

struct connection {
	struct zcrx_stream *stream;
	unsigned int number;
	int file;
	uint64_t received;
};

/* What the epoll tells of. */
enum source { ZCRXD, QUEUE, LISTENER };

static struct zcrx_client *client;
static struct zcrx_lease *lease;
static struct zcrx_queue *queue;
static const char *directory;
static int loop, listener;
static unsigned int n_accepted, n_stored, n_events;

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

static void watch(int fd, enum source source)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = source };

	if (fd < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, fd, &e) < 0)
		fail("Cannot poll", fd < 0 ? fd : -errno);
}

/* What is asked of zcrxd, one thing after the other. */
static enum { ACQUIRE, REGISTER, STEER, DONE } step;

static int take_step(void)
{
	switch (step) {
	case ACQUIRE:
		return zcrx_lease_acquire(lease);
	case REGISTER:
		if (!queue) {
			zcrx_queue_new(lease, 0, &queue);
			zcrx_queue_set_join(queue, 1); /* one write for what lies side by side */
		}
		return zcrx_queue_register(queue);
	case STEER:
		return zcrx_queue_steer_socket(queue, listener);
	case DONE:
		break;
	}
	return 0;
}

/* Goes on as far as zcrxd has answered; the same call that was in progress gives the result. */
static void prepare(void)
{
	while (step != DONE) {
		int r = take_step();

		if (r == -EINPROGRESS)
			return;
		if (r < 0)
			fail("Cannot prepare", r);
		step++;
	}
	watch(zcrx_queue_get_fd(queue), QUEUE);
	watch(listener, LISTENER);
	printf("listening\n");
	fflush(stdout);
}

static void ask(void)
{
	if (zcrx_client_process(client) > 0)
		prepare();
}

static void accept_one(void)
{
	struct connection *c;
	char path[4096];
	int r, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED))
		return;
	c = calloc(1, sizeof(*c));
	if (fd < 0 || !c)
		fail("Cannot accept", -errno);
	c->number = n_accepted++;
	snprintf(path, sizeof(path), "%s/%u", directory, c->number);
	c->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (c->file < 0)
		fail(path, -errno);
	r = zcrx_queue_receive(queue, fd, c, &c->stream);
	if (r < 0)
		fail("Cannot receive", r);
	close(fd); /* the stream has a duplicate */
}

static void store(struct connection *c, const char *data, size_t size)
{
	n_events++;
	c->received += size;
	while (size > 0) {
		ssize_t n = write(c->file, data, size);

		if (n < 0)
			fail("Cannot write", -errno);
		data += n;
		size -= (size_t)n;
	}
}

static void stored(struct connection *c)
{
	printf("%u: %" PRIu64 " bytes\n", c->number, c->received);
	fflush(stdout);
	zcrx_stream_free(c->stream);
	close(c->file);
	free(c);
	n_stored++;
}

static void handle(const struct zcrx_event *event)
{
	struct connection *c = event->userdata;

	if (event->type == ZCRX_EVENT_DATA) {
		store(c, event->data, event->length);
		zcrx_queue_return(queue, event->data);
	} else if (event->type == ZCRX_EVENT_EOF) {
		stored(c);
	} else if (event->type == ZCRX_EVENT_ERROR) {
		fprintf(stderr, "%u: cannot receive: %s\n", c->number, event->message);
		stored(c);
	} else if (event->type == ZCRX_EVENT_LEASE_GONE) {
		fprintf(stderr, "The lease has ended: %s; %s.\n", event->message,
			event->error == -ENODEV ? "nothing more can arrive" : "the kernel copies from now on");
		if (event->error == -ENODEV)
			exit(1);
	}
}

/* Whether there may be more: the descriptor tells only of what comes when there was none. */
static int receive(void)
{
	const struct zcrx_event *event;
	int n, r = 1;

	for (n = 0; n < SOME && (r = zcrx_queue_wait(queue, 0, &event)) > 0; n++)
		handle(event);
	if (r < 0 && r != -EINTR)
		fail("Cannot receive", r);
	return r != 0;
}

static void run(unsigned int n)
{
	int more = 0;

	while (n == 0 || n_stored < n) {
		struct epoll_event e[3];
		int i, r = epoll_wait(loop, e, 3, more ? 0 : -1);

		if (r < 0 && errno != EINTR)
			fail("Cannot wait", -errno);
		for (i = 0; i < r; i++)
			if (e[i].data.u32 == ZCRXD)
				ask();
			else if (e[i].data.u32 == LISTENER)
				accept_one();
			else
				more = 1;
		if (more)
			more = receive();
	}
}

int main(int argc, char **argv)
{
	uint64_t copied;
	int r;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: %s PORT DIRECTORY [CONNECTIONS]\n", argv[0]);
		return 2;
	}
	directory = argv[2];
	listener = listen_on(atoi(argv[1]));
	loop = epoll_create1(EPOLL_CLOEXEC);
	r = zcrx_client_new(&client);
	if (r >= 0)
		r = zcrx_client_set_nonblocking(client, 1);
	if (r >= 0)
		r = zcrx_client_connect(client, NULL);
	if (r >= 0 || r == -EINPROGRESS)
		r = zcrx_lease_new(client, &lease);
	if (r >= 0)
		r = zcrx_lease_set_interface(lease, getenv("INTERFACE"));
	if (r < 0)
		fail("Cannot begin", r);
	watch(zcrx_client_get_fd(client), ZCRXD);
	prepare();
	run(argc == 4 ? (unsigned int)atoi(argv[3]) : 0);

	printf("%u events\n", n_events);
	if (zcrx_queue_get_copied(queue, NULL, &copied) >= 0)
		printf("%" PRIu64 " bytes were copied\n", copied);
	zcrx_queue_unref(queue);
	zcrx_client_set_nonblocking(client, 0);
	zcrx_lease_release(lease);
	zcrx_lease_unref(lease);
	zcrx_client_unref(client);
	return 0;
}
