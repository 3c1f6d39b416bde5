/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receives TCP connections by zero copy on several queues, each with a thread and a ring of its own:
 *
 *	receive-threads PORT QUEUES [THREADS]
 *
 * The NIC spreads the connections over the queues; each is handed to a thread of the queue on which its packets
 * arrive. With more THREADS than QUEUES, several have a ring for the same queue. Ends when the lease does, or
 * when killed. The variable INTERFACE may name the NIC.
 *
 * Build: cc -pthread receive-threads.c $(pkg-config --cflags --libs libzcrx-client)
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcrx-client.h>

#define THREADS_MAX 64

struct connection {
	struct zcrx_stream *stream;
	uint64_t bytes;
};

struct worker {
	pthread_t thread;
	struct zcrx_queue *queue;
	int sockets[2]; /* accepted sockets, by their numbers: read by the worker, written by main */
};

static int listen_on(int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr *address = (struct sockaddr *)&six; /* of IPv4, too */
	socklen_t size = sizeof(six);
	int one = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EAFNOSUPPORT) { /* a machine without IPv6 */
		address = (struct sockaddr *)&four;
		size = sizeof(four);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, address, size) < 0 || listen(fd, 128) < 0) {
		perror("Cannot listen");
		exit(1);
	}
	return fd;
}

static void end(struct connection *c)
{
	printf("%" PRIu64 " bytes\n", c->bytes);
	fflush(stdout);
	zcrx_stream_free(c->stream);
	free(c);
}

static void handle(struct worker *w, const struct zcrx_event *event)
{
	struct connection *c = event->userdata;

	switch (event->type) {
	case ZCRX_EVENT_DATA:
		/* ... the payload: event->length bytes at event->data ... */
		c->bytes += event->length;
		zcrx_queue_return(w->queue, event->data);
		break;
	case ZCRX_EVENT_ERROR:
		fprintf(stderr, "Cannot receive: %s\n", event->message);
		end(c);
		break;
	case ZCRX_EVENT_EOF:
		end(c);
		break;
	case ZCRX_EVENT_LEASE_GONE:
	case ZCRX_EVENT_LEASE_ENDING:
	case ZCRX_EVENT_STOPPED:
	case ZCRX_EVENT_COMPLETION:
	case ZCRX_EVENT_STAGED:
		break;
	}
}

static void take_socket(struct worker *w)
{
	struct connection *c = calloc(1, sizeof(*c));
	int socket, r;

	if (!c || read(w->sockets[0], &socket, sizeof(socket)) != sizeof(socket)) {
		free(c);
		return;
	}
	r = zcrx_queue_receive(w->queue, socket, c, &c->stream);
	if (r < 0) {
		fprintf(stderr, "Cannot start to receive: %s\n", strerror(-r));
		free(c);
	}
	close(socket); /* the library has its own copy */
}

static void *work(void *userdata)
{
	struct worker *w = userdata;
	struct pollfd fds[] = { { .fd = zcrx_queue_get_fd(w->queue), .events = POLLIN },
				{ .fd = w->sockets[0], .events = POLLIN } };
	const struct zcrx_event *event;

	while (poll(fds, 2, -1) >= 0) {
		if (fds[1].revents)
			take_socket(w);
		while (zcrx_queue_wait(w->queue, 0, &event) > 0)
			handle(w, event);
	}
	return NULL;
}

/* All that talks to zcrxd is done here, before the threads take their queues over. */
static int prepare(struct zcrx_client *client, struct zcrx_lease **ret, struct worker *workers,
		   unsigned int n, unsigned int n_threads, int listener)
{
	int r = zcrx_client_connect(client, NULL);

	if (r >= 0)
		r = zcrx_lease_new(client, ret);
	if (r >= 0)
		r = zcrx_lease_set_interface(*ret, getenv("INTERFACE"));
	if (r >= 0)
		r = zcrx_lease_set_queues(*ret, n);
	if (r >= 0)
		r = zcrx_lease_acquire(*ret);
	for (unsigned int i = 0; r >= 0 && i < n_threads; i++) {
		r = i < n ? zcrx_queue_new(*ret, i, &workers[i].queue)
			  : zcrx_queue_share(workers[i % n].queue, &workers[i].queue);
		if (r >= 0)
			r = zcrx_queue_register(workers[i].queue);
	}
	return r < 0 ? r : zcrx_lease_steer_socket(*ret, listener);
}

/* The next of the threads that have the queue on which the socket's packets arrive. */
static struct worker *choose(struct zcrx_lease *lease, struct worker *workers, int n, int n_threads, int socket)
{
	static int turns[THREADS_MAX];
	int queue = zcrx_lease_find_queue(lease, socket), i;

	/* It came by another way: any queue will do, by copying. */
	if (queue < 0)
		queue = 0;
	i = queue + n * turns[queue]++;
	if (i < n_threads)
		return &workers[i];
	turns[queue] = 1;
	return &workers[queue];
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];
	struct zcrx_client *client = NULL;
	struct zcrx_lease *lease = NULL;
	int n = argc >= 3 ? atoi(argv[2]) : 0, n_threads = argc == 4 ? atoi(argv[3]) : n, listener, socket, i;

	if (argc > 4 || n < 1 || n_threads < n || n_threads > THREADS_MAX) {
		fprintf(stderr, "usage: %s PORT QUEUES [THREADS]\n", argv[0]);
		return 2;
	}
	listener = listen_on(atoi(argv[1]));
	if (zcrx_client_new(&client) < 0 || prepare(client, &lease, workers, (unsigned int)n,
						    (unsigned int)n_threads, listener) < 0) {
		fprintf(stderr, "%s\n", zcrx_client_error(client));
		return 1;
	}
	for (i = 0; i < n_threads; i++)
		if (pipe(workers[i].sockets) < 0 ||
		    pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
			fprintf(stderr, "Cannot start a thread.\n");
			return 1;
		}
	printf("listening\n");
	fflush(stdout);
	while (zcrx_lease_has_ended(lease) == 0 && (socket = accept(listener, NULL, NULL)) >= 0) {
		struct worker *w = choose(lease, workers, n, n_threads, socket);

		if (write(w->sockets[1], &socket, sizeof(socket)) < 0)
			close(socket);
	}
	return 0; /* the lease ends with the process */
}
