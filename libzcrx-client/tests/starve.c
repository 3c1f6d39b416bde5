/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For the virtual machine: one connection, and a program that lets it starve for a while; then what was counted.
 *
 *	starve PORT nic|copy|completions|nothing
 *
 * nic: it keeps all buffers until nothing comes any more; copy: the same, with nothing steered; completions: it does
 * not look at a short completion queue. Each byte is its offset modulo 251.
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

#define AREA  (8 << 20) /* the NIC's ring has half of it */
#define QUIET 1500	/* milliseconds, after which nothing comes any more */
#define NAPS  3
#define PATIENCE 20

static struct zcrx_queue *queue;
static const void *kept[1 << 16];
static unsigned int n_kept, naps;
static uint64_t received;

static void check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-r));
	exit(1);
}

static void verify(const struct zcrx_event *e)
{
	const unsigned char *data = e->data;

	for (size_t i = 0; i < e->length; i++)
		check(data[i] == (e->offset + i) % 251 ? 0 : -EBADMSG, "a byte");
	received += e->length;
}

static void return_kept(void)
{
	while (n_kept > 0)
		check(zcrx_queue_return(queue, kept[--n_kept]), "return");
}

static void take(const struct zcrx_event *e, int keep)
{
	verify(e);
	if (keep)
		kept[n_kept++] = e->data;
	else
		check(zcrx_queue_return(queue, e->data), "return");
}

static void receive(int socket, const char *how)
{
	int keep = strcmp(how, "nic") == 0 || strcmp(how, "copy") == 0;
	const struct zcrx_event *e;
	struct zcrx_stream *stream;
	unsigned int quiet = 0;

	check(zcrx_queue_receive(queue, socket, NULL, &stream), "receive");
	for (;;) {
		int r = zcrx_queue_wait(queue, QUIET, &e);

		check(r, "wait");
		if (r == 0) {
			/* After so many losses TCP may wait for seconds until it tries again. */
			check(quiet++ < PATIENCE ? 0 : -ETIMEDOUT, "more");
			keep = 0;
			return_kept();
			continue;
		}
		if (e->type == ZCRX_EVENT_EOF)
			break;
		check(e->type == ZCRX_EVENT_ERROR ? e->error : 0, "the stream");
		if (e->type == ZCRX_EVENT_DATA)
			take(e, keep);
		if (strcmp(how, "completions") == 0 && received >> 20 > naps && naps < NAPS) {
			naps++;
			sleep(1);
		}
	}
	return_kept();
	zcrx_stream_free(stream);
}

static uint64_t counter(enum zcrx_counter which)
{
	uint64_t n = 0;

	check(zcrx_queue_get_counter(queue, which, &n), "counter");
	return n;
}

static int listen_on(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "10.9.0.1", &a.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	check(bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0 ? -errno : 0, "listen");
	return fd;
}

int main(int argc, char **argv)
{
	struct zcrx_client *client;
	struct zcrx_lease *lease;
	int listener, socket;

	if (argc != 3)
		return 2;
	listener = listen_on(atoi(argv[1]));
	check(zcrx_client_new(&client), "client");
	check(zcrx_client_connect(client, NULL), "connect");
	check(zcrx_lease_new(client, &lease), "lease");
	check(zcrx_lease_acquire(lease), "acquire");
	check(zcrx_queue_new(lease, 0, &queue), "queue");
	check(zcrx_queue_set_area_size(queue, AREA), "size");
	if (strcmp(argv[2], "completions") == 0)
		check(zcrx_queue_set_completions(queue, 64), "completions");
	check(zcrx_queue_register(queue), "register");
	if (strcmp(argv[2], "copy") != 0)
		check(zcrx_queue_steer_socket(queue, listener), "steer");
	puts("listening");
	fflush(stdout);
	socket = accept(listener, NULL, NULL);
	check(socket < 0 ? -errno : 0, "accept");
	receive(socket, argv[2]);
	printf("{\"bytes\":%" PRIu64 ",\"nic\":%" PRIu64 ",\"copy\":%" PRIu64 ",\"completions\":%" PRIu64
	       ",\"refill\":%" PRIu64 ",\"staged\":%" PRIu64 ",\"copied\":%" PRIu64 "}\n",
	       received, counter(ZCRX_COUNTER_STARVED_NIC), counter(ZCRX_COUNTER_STARVED_COPY),
	       counter(ZCRX_COUNTER_COMPLETIONS_FULL), counter(ZCRX_COUNTER_REFILL_FULL),
	       counter(ZCRX_COUNTER_STAGED), counter(ZCRX_COUNTER_COPIED));
	zcrx_queue_unref(queue);
	check(zcrx_lease_release(lease), "release");
	zcrx_lease_unref(lease);
	zcrx_client_unref(client);
	return 0;
}
