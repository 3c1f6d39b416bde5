/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receives one TCP connection by zero copy, as an ordinary user, and says how much came:
 *
 *	receive PORT [BACKENDS]
 *
 * With BACKENDS, such as "zcrxd,copy", it also runs where there is no zcrxd.
 *
 * Build: cc receive.c $(pkg-config --cflags --libs libzcrx-client)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcrx-client.h>

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
	    bind(fd, address, size) < 0 || listen(fd, 1) < 0) {
		perror("Cannot listen");
		exit(1);
	}
	return fd;
}

/* The loop of every receiver: wait for an event, use the data where it lies, give it back. */
static int receive(struct zcrx_queue *queue, int socket)
{
	const struct zcrx_event *event;
	struct zcrx_stream *stream;
	int r, done = 0;

	r = zcrx_queue_receive(queue, socket, NULL, &stream);
	if (r < 0)
		return r;
	while (!done && (r = zcrx_queue_wait(queue, -1, &event)) > 0)
		switch (event->type) {
		case ZCRX_EVENT_DATA:
			/* ... the payload: event->length bytes at event->data ... */
			zcrx_queue_return(queue, event->data);
			break;
		case ZCRX_EVENT_EOF:
			done = 1;
			break;
		case ZCRX_EVENT_ERROR:
			fprintf(stderr, "Cannot receive: %s\n", event->message);
			r = event->error;
			done = 1;
			break;
		case ZCRX_EVENT_LEASE_GONE:
			fprintf(stderr, "The lease is gone; going on by copying.\n");
			break;
		case ZCRX_EVENT_LEASE_ENDING:
		case ZCRX_EVENT_STOPPED:
		case ZCRX_EVENT_COMPLETION:
		case ZCRX_EVENT_STAGED:
			break; /* only where a stream is stopped; for requests of our own on the ring */
		}
	zcrx_stream_free(stream);
	return r;
}

int main(int argc, char **argv)
{
	struct zcrx_client *client = NULL;
	struct zcrx_lease *lease = NULL;
	struct zcrx_queue *queue = NULL;
	uint64_t copied = 0;
	int listener, r;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: %s PORT [BACKENDS]\n", argv[0]);
		return 2;
	}
	listener = listen_on(atoi(argv[1]));

	r = zcrx_client_new(&client);
	if (r >= 0 && argc == 2)
		r = zcrx_client_connect(client, NULL);
	if (r >= 0)
		r = zcrx_lease_new(client, &lease);
	if (r >= 0 && argc == 3)
		r = zcrx_lease_set_backends(lease, argv[2]);
	if (r >= 0)
		r = zcrx_lease_acquire(lease);
	if (r >= 0 && strcmp(zcrx_lease_get_backend(lease), "zcrxd") != 0)
		fprintf(stderr, "Not from zcrxd: %s\n", zcrx_lease_get_backend(lease));
	if (r >= 0)
		r = zcrx_queue_new(lease, 0, &queue);
	if (r >= 0)
		r = zcrx_queue_register(queue);
	if (r >= 0)
		r = zcrx_queue_steer_socket(queue, listener);
	for (unsigned int i = 0; r >= 0 && zcrx_lease_get_taken(lease, i); i++)
		fprintf(stderr, "Not by zero copy: %s\n", zcrx_lease_get_taken(lease, i));
	if (r >= 0)
		r = receive(queue, accept(listener, NULL, NULL));
	if (r < 0)
		fprintf(stderr, "%s\n",
			*zcrx_client_error(client) ? zcrx_client_error(client) : strerror(-r));
	if (r >= 0 && zcrx_queue_get_copied(queue, NULL, &copied) >= 0)
		printf("%" PRIu64 " bytes received, %" PRIu64 " of them copied\n",
		       zcrx_queue_get_received(queue), copied);

	zcrx_queue_unref(queue);
	if (lease)
		zcrx_lease_release(lease);
	zcrx_lease_unref(lease);
	zcrx_client_unref(client);
	return r < 0;
}
