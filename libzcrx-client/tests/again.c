/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For the virtual machine: a queue of a lease is dropped, and another one registered, while connections go on:
 *
 *	again PORT DIRECTORY N SIZE [at-once]
 *
 * N connections bring SIZE bytes each whenever they are sent a byte: to the first queue; then to recv(), when
 * zcrxd has noticed that the ring is gone (not "at-once"); then to the second queue. All of them go to the files
 * 0 to N-1, after the number of the connection in its first byte.
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

#define MAX	 64
#define NOTICED 3 /* seconds: zcrxd looks once a second */

struct connection {
	int socket;
	struct zcrx_stream *stream;
	FILE *file;
	uint64_t written, target;
};

static struct zcrx_client *client;
static struct zcrx_lease *lease;
static struct connection connections[MAX];
static const char *directory;
static uint64_t size;
static unsigned int n;

static void check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-r));
	exit(1);
}

static void store(struct connection *c, const void *data, size_t length)
{
	char path[512];

	if (!c->file) {
		snprintf(path, sizeof(path), "%s/%u", directory, *(const unsigned char *)data);
		c->file = fopen(path, "wx");
		check(c->file ? 0 : -errno, path);
	}
	check(fwrite(data, 1, length, c->file) == length ? 0 : -EIO, "write");
	c->written += length;
}

static int all_there(void)
{
	for (unsigned int i = 0; i < n; i++)
		if (connections[i].written < connections[i].target)
			return 0;
	return 1;
}

static void ask_for_more(void)
{
	for (unsigned int i = 0; i < n; i++) {
		connections[i].target += size;
		check(write(connections[i].socket, "x", 1) == 1 ? 0 : -errno, "ask");
	}
}

static void take(struct zcrx_queue *queue, const struct zcrx_event *e)
{
	switch (e->type) {
	case ZCRX_EVENT_DATA:
		store(e->userdata, e->data, e->length);
		check(zcrx_queue_return(queue, e->data), "return");
		return;
	case ZCRX_EVENT_STOPPED:
	case ZCRX_EVENT_LEASE_ENDING:
	case ZCRX_EVENT_COMPLETION:
	case ZCRX_EVENT_STAGED:
		return;
	case ZCRX_EVENT_EOF:
	case ZCRX_EVENT_ERROR:
	case ZCRX_EVENT_LEASE_GONE:
		check(e->error ? e->error : -EIO, e->message ? e->message : "the stream has ended");
	}
}

static struct zcrx_queue *new_queue(void)
{
	struct zcrx_queue *queue;
	int r;

	check(zcrx_queue_new(lease, 0, &queue), "queue");
	r = zcrx_queue_register(queue);
	check(r, zcrx_client_error(client));
	return queue;
}

/* Everything by one queue; how much of it was copied. */
static uint64_t receive(struct zcrx_queue *queue)
{
	const struct zcrx_event *e;
	uint64_t copied = 0, count;

	for (unsigned int i = 0; i < n; i++)
		check(zcrx_queue_receive(queue, connections[i].socket, &connections[i],
					 &connections[i].stream), "receive");
	ask_for_more();
	while (!all_there()) {
		int r = zcrx_queue_wait(queue, 5000, &e);

		check(r == 0 ? -ETIMEDOUT : r, "wait");
		take(queue, e);
	}
	check(zcrx_queue_get_copied(queue, &count, &copied), "copied");
	for (unsigned int i = 0; i < n; i++)
		connections[i].stream = zcrx_stream_free(connections[i].stream);
	return copied;
}

static void receive_plainly(void)
{
	static char buffer[65536];

	ask_for_more();
	for (unsigned int i = 0; i < n; i++) {
		struct connection *c = &connections[i];

		while (c->written < c->target) {
			ssize_t got = recv(c->socket, buffer, sizeof(buffer), 0);

			check(got > 0 ? 0 : got == 0 ? -EPIPE : -errno, "recv");
			store(c, buffer, (size_t)got);
		}
	}
}

static int listen_on(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "10.9.0.1", &a.sin_addr);
	check(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
			      bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, MAX) == 0
		      ? 0
		      : -errno, "listen");
	return fd;
}

int main(int argc, char **argv)
{
	struct zcrx_queue *queue;
	uint64_t before, after;
	int listener;

	if (argc < 5)
		return 2;
	listener = listen_on(atoi(argv[1]));
	directory = argv[2];
	n = (unsigned int)atoi(argv[3]);
	size = strtoull(argv[4], NULL, 10);
	check(zcrx_client_new(&client), "client");
	check(zcrx_client_connect(client, NULL), "connect");
	check(zcrx_lease_new(client, &lease), "lease");
	check(zcrx_lease_acquire(lease), "acquire");
	queue = new_queue();
	check(zcrx_queue_steer_socket(queue, listener), "steer");
	puts("listening");
	fflush(stdout);
	for (unsigned int i = 0; i < n && i < MAX; i++) {
		connections[i].socket = accept(listener, NULL, NULL);
		check(connections[i].socket < 0 ? -errno : 0, "accept");
	}
	before = receive(queue);
	zcrx_queue_unref(queue);
	if (argc == 5) {
		sleep(NOTICED);
		receive_plainly();
	}
	queue = new_queue();
	sleep(1); /* until the rules are back */
	after = receive(queue);
	for (unsigned int i = 0; i < n; i++)
		fclose(connections[i].file);
	printf("{\"before\":%" PRIu64 ",\"after\":%" PRIu64 "}\n", before, after);
	zcrx_queue_unref(queue);
	check(zcrx_lease_release(lease), "release");
	zcrx_lease_unref(lease);
	zcrx_client_unref(client);
	return 0;
}
