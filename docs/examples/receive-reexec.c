/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receives files over TCP by zero copy, and replaces itself without losing a byte:
 *
 *	receive-reexec PORT DIRECTORY [CONNECTIONS]
 *
 * On SIGHUP the program is executed again, as it is on disk now, in the same process: as service managers like it. It
 * stops every connection at a known byte and returns all buffers. The lease, its memory, the old ring, the listening
 * socket, connections and files stay open, and a memfd says which is what. The new program makes a ring of its own for
 * the same queue, by which it can also receive what the NIC has put into the area meanwhile, and closes the old one.
 * Ends when so many CONNECTIONS have been stored, or when killed. The variable INTERFACE may name the NIC.
 *
 * receive-upgrade.c does the same with two processes, for programs that take long to start.
 *
 * Build: cc receive-reexec.c $(pkg-config --cflags --libs libzcrx-client liburing)
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
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <liburing.h>
#include <zcrx-client.h>

#define SOME  256		    /* events, after which the others have their turn */
#define STATE "RECEIVE_REEXEC_FD" /* the memfd of a program that was executed again */

struct connection {
	struct connection *next;
	struct zcrx_stream *stream;
	unsigned int number;
	int file, stopped;
	uint64_t received;
};

static struct zcrx_client *client;
static struct zcrx_lease *lease;
static struct zcrx_queue *queue;
static struct connection *connections;
static const char *directory;
static int listener, signals, stopping;
static unsigned int n_accepted, n_stored;

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

/* ------------------------------------------------------------------ connections */

static void add_connection(unsigned int number, int socket, int file, uint64_t received)
{
	struct connection *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		fail("Cannot receive", -ENOMEM);
	*c = (struct connection) { .next = connections, .number = number, .file = file, .received = received };
	connections = c;
	r = zcrx_queue_receive(queue, socket, c, &c->stream);
	if (r < 0)
		fail("Cannot receive", r);
	close(socket); /* the stream has a duplicate */
}

static void accept_one(void)
{
	int file, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char path[4096];

	if (fd < 0)
		return;
	snprintf(path, sizeof(path), "%s/%u", directory, n_accepted);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (file < 0)
		fail(path, -errno);
	add_connection(n_accepted++, fd, file, 0);
}

static void store(struct connection *c, const struct zcrx_event *event)
{
	const char *data = event->data;
	size_t left = event->length;

	while (left > 0) {
		ssize_t n = write(c->file, data, left);

		if (n < 0)
			fail("Cannot write", -errno);
		data += n;
		left -= (size_t)n;
	}
	c->received += event->length;
	zcrx_queue_return(queue, event->data);
}

static void stored(struct connection *c)
{
	struct connection **at = &connections;

	printf("%u: %" PRIu64 " bytes\n", c->number, c->received);
	fflush(stdout);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	zcrx_stream_free(c->stream);
	close(c->file);
	free(c);
	n_stored++;
}

static void handle(const struct zcrx_event *event)
{
	struct connection *c = event->userdata;

	if (event->type == ZCRX_EVENT_DATA) {
		store(c, event);
	} else if (event->type == ZCRX_EVENT_STOPPED) {
		c->stopped = 1;
	} else if (event->type == ZCRX_EVENT_EOF) {
		stored(c);
	} else if (event->type == ZCRX_EVENT_ERROR) {
		fprintf(stderr, "%u: cannot receive: %s\n", c->number, event->message);
		stored(c);
	}
}

/* --------------------------------------------------------------------- once more */

static void stop_all(void)
{
	struct connection *c;

	stopping = 1;
	for (c = connections; c; c = c->next)
		zcrx_stream_stop(c->stream);
}

static int all_have_stopped(void)
{
	struct connection *c;

	for (c = connections; c; c = c->next)
		if (!c->stopped)
			return 0;
	return 1;
}

/* dup(2), whose result stays open. */
static int keep(int fd)
{
	int copy = dup(fd);

	if (copy < 0)
		fail("Cannot keep a descriptor", -errno);
	return copy;
}

static void execute(char **argv)
{
	int share[2], r = zcrx_queue_get_share(queue, share), fd = memfd_create("state", 0);
	FILE *state = fd >= 0 ? fdopen(keep(fd), "w") : NULL;
	struct connection *c;
	char number[16];

	if (r < 0 || !state)
		fail("Cannot hand over", r < 0 ? r : -errno);
	/* While the old ring is open the queue is not taken back. */
	fprintf(state, "%s %d %d %d %d %d %u %u\n", zcrx_lease_get_id(lease), keep(zcrx_lease_get_fd(lease)),
		keep(listener), keep(share[0]), keep(share[1]), keep(zcrx_queue_get_ring(queue)->ring_fd), n_accepted,
		n_stored);
	for (c = connections; c; c = c->next)
		fprintf(state, "%u %d %d %" PRIu64 "\n", c->number, keep(zcrx_stream_get_socket(c->stream)),
			keep(c->file), c->received);
	if (fclose(state) != 0)
		fail("Cannot hand over", -errno);
	snprintf(number, sizeof(number), "%d", fd);
	setenv(STATE, number, 1);
	execvp(argv[0], argv);
	fail(argv[0], -errno);
}

/* ------------------------------------------------------------------------- start */

static void begin(int port)
{
	int r;

	listener = listen_on(port);
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
		fail("Cannot lease a queue", r);
}

static void begin_again(int fd)
{
	FILE *state = fdopen(fd, "r");
	int handle, share[2], ring, socket, file, r;
	unsigned int number;
	uint64_t received;
	char id[32];

	rewind(state);
	if (fscanf(state, "%31s %d %d %d %d %d %u %u\n", id, &handle, &listener, &share[0], &share[1], &ring, &n_accepted,
		   &n_stored) != 8)
		fail("Cannot go on", -EINVAL);
	r = zcrx_lease_attach(lease, id, handle);
	if (r >= 0)
		r = zcrx_queue_new(lease, 0, &queue);
	if (r >= 0)
		r = zcrx_queue_set_share(queue, share);
	if (r >= 0)
		r = zcrx_queue_register(queue);
	if (r < 0)
		fail("Cannot go on", r);
	fcntl(listener, F_SETFD, FD_CLOEXEC);
	while (fscanf(state, "%u %d %d %" SCNu64 "\n", &number, &socket, &file, &received) == 4) {
		fcntl(file, F_SETFD, FD_CLOEXEC);
		add_connection(number, socket, file, received);
	}
	fclose(state);
	close(handle);
	close(share[0]);
	close(share[1]);
	close(ring);
}

static void serve(char **argv, unsigned int n)
{
	struct pollfd p[] = { { .fd = zcrx_queue_get_fd(queue), .events = POLLIN },
			      { .fd = signals, .events = POLLIN },
			      { .fd = listener, .events = POLLIN } };
	struct signalfd_siginfo info;
	const struct zcrx_event *event;
	int some = 0;

	while (n == 0 || n_stored < n) {
		if (stopping && all_have_stopped())
			execute(argv);
		/* The first descriptor tells only once that zcrx_queue_wait() has returned 0. */
		if (poll(p, 3, some == SOME ? 0 : -1) < 0)
			continue;
		for (some = 0; some < SOME && zcrx_queue_wait(queue, 0, &event) > 0; some++)
			handle(event);
		if (p[1].revents && read(signals, &info, sizeof(info)) == sizeof(info) && !stopping)
			stop_all();
		if (p[2].revents && !stopping)
			accept_one();
		p[2].fd = stopping ? -1 : listener;
	}
}

int main(int argc, char **argv)
{
	const char *state = getenv(STATE);
	uint64_t copied;
	sigset_t mask;
	int r;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: %s PORT DIRECTORY [CONNECTIONS]\n", argv[0]);
		return 2;
	}
	directory = argv[2];
	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL); /* also until the new program looks */
	signals = signalfd(-1, &mask, SFD_CLOEXEC);
	r = zcrx_client_new(&client);
	if (r >= 0)
		r = zcrx_client_connect(client, NULL);
	if (r >= 0)
		r = zcrx_lease_new(client, &lease);
	if (r < 0)
		fail("Cannot reach zcrxd", r);
	if (state)
		begin_again(atoi(state));
	else
		begin(atoi(argv[1]));
	printf(state ? "again\n" : "listening\n");
	fflush(stdout);
	serve(argv, argc == 4 ? (unsigned int)atoi(argv[3]) : 0);

	if (zcrx_queue_get_copied(queue, NULL, &copied) >= 0)
		printf("%" PRIu64 " bytes were copied\n", copied);
	zcrx_queue_unref(queue);
	zcrx_lease_release(lease);
	zcrx_lease_unref(lease);
	zcrx_client_unref(client);
	return 0;
}
