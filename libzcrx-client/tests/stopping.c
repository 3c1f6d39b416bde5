/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For the virtual machine: four connections at once on one queue, each of which stops in another way.
 * Everything that comes is written to the files 0 to 3 of a directory, for somebody else to compare:
 *
 *	stopping PORT DIRECTORY [poll]
 *
 * 0 is stopped in the middle, and read with recv() from there on; 1 is paused and resumed all the
 * time; 2 keeps its buffers for long, and may have LIMIT of them; 3 is received by bounded pieces.
 * The first byte of a connection says which of them it is. With "poll" the descriptor is polled,
 * and the flow is taken away before the stop and not after it: then little or nothing is left in the
 * area, where recv() cannot read. Connection 0 tells its sender with a byte that the flow is gone:
 * what is sent from then on is ordinary memory for sure.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcrx-client.h>

#define N     4
#define LIMIT 16
#define PIECE 10007
#define EARLY (256 << 10) /* bytes, after which the flow goes */
#define HALF  (1 << 20)	  /* bytes, after which 0 stops */

enum role { STOPPED, PAUSED, SLOW, BOUNDED, UNKNOWN };

struct connection {
	struct zcrx_stream *stream;
	enum role role;
	FILE *file;
	uint64_t written;
	int paused, done;
};

static struct zcrx_queue *queue;
static struct zcrx_lease *lease;
static struct connection connections[N];
static const void *kept[65536];
static unsigned int n_kept, most_kept, faults, stops, pauses, pieces, open_connections = N;
static uint64_t read_plainly, first_stop;
static const char *directory;
static int with_poll, steered = 1;

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
		c->role = *(const unsigned char *)data % N;
		snprintf(path, sizeof(path), "%s/%u", directory, c->role);
		c->file = fopen(path, "wx");
		check(c->file ? 0 : -errno, path);
		if (c->role != SLOW)
			check(zcrx_stream_set_limit(c->stream, 0), "have no limit");
	}
	check(fwrite(data, 1, length, c->file) == length ? 0 : -EIO, "write");
	c->written += length;
}

/* What was read by other means does not count. */
static void check_offset(const struct connection *c, const struct zcrx_event *e)
{
	uint64_t expected = c->written - (c->role == STOPPED ? read_plainly : 0);

	if (e->offset == expected)
		return;
	fprintf(stderr, "connection %d, event %d: offset %" PRIu64 ", not %" PRIu64 "; %u stops\n",
		c->role, e->type, e->offset, expected, stops);
	exit(1);
}

static void finish(struct connection *c)
{
	fclose(c->file);
	c->stream = zcrx_stream_free(c->stream);
	c->done = 1;
	open_connections--;
}

/* The rest of connection 0: whatever of it lies in the area yet is received there. */
static void read_on(struct connection *c)
{
	int socket = zcrx_stream_get_socket(c->stream);
	static char buffer[65536];
	ssize_t n;

	while ((n = recv(socket, buffer, sizeof(buffer), 0)) > 0) {
		store(c, buffer, (size_t)n);
		read_plainly += (uint64_t)n;
	}
	if (n == 0)
		return finish(c);
	check(errno == EFAULT ? 0 : -errno, "recv");
	faults++;
	check(zcrx_stream_continue(c->stream, 65536), "continue");
}

/* Buffers, in which there can be several pieces. */
static void count_kept(void)
{
	uintptr_t length = zcrx_queue_get_buffer_length(queue);
	unsigned int n = 0;

	for (unsigned int i = 0; i < n_kept; i++) {
		unsigned int j = 0;

		while (j < i && (uintptr_t)kept[j] / length != (uintptr_t)kept[i] / length)
			j++;
		n += j == i;
	}
	if (n > most_kept)
		most_kept = n;
}

/* From here on what arrives is ordinary memory. */
static void take_flow_away(const struct connection *c)
{
	if (!steered)
		return;
	check(zcrx_lease_remove_flow(lease, zcrx_lease_get_flow_id(lease, 0)), "remove the flow");
	check(send(zcrx_stream_get_socket(c->stream), "", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno,
	      "tell the sender");
	steered = 0;
}

static void data_came(struct connection *c, const struct zcrx_event *e)
{
	check_offset(c, e);
	store(c, e->data, e->length);
	if (c->role == SLOW && n_kept < sizeof(kept) / sizeof(*kept)) {
		kept[n_kept++] = e->data;
		count_kept();
	} else {
		check(zcrx_queue_return(queue, e->data), "return");
	}
	if (c->role == STOPPED && c->written >= EARLY && with_poll)
		take_flow_away(c);
	if (c->role == STOPPED && c->written >= HALF && first_stop == 0)
		check(zcrx_stream_stop(c->stream), "stop");
	if (c->role == BOUNDED && pieces == 0)
		check(zcrx_stream_stop(c->stream), "stop"); /* from here on by pieces */
	if (c->role == PAUSED && !c->paused && ++pauses) {
		c->paused = 1;
		check(zcrx_stream_pause(c->stream), "pause");
	}
}

static void has_stopped(struct connection *c, const struct zcrx_event *e)
{
	static uint64_t expected;

	if (c->role == STOPPED) {
		check_offset(c, e);
		first_stop = first_stop ? first_stop : e->offset;
		stops++;
		take_flow_away(c);
		return read_on(c);
	}
	check(e->offset == c->written && (pieces == 0 || c->written == expected) ? 0 : -ERANGE,
	      "bound");
	pieces++;
	expected = c->written + PIECE;
	check(zcrx_stream_continue(c->stream, PIECE), "continue");
}

static void handle(const struct zcrx_event *e)
{
	struct connection *c = e->userdata;

	switch (e->type) {
	case ZCRX_EVENT_DATA:
		return data_came(c, e);
	case ZCRX_EVENT_EOF:
		return finish(c);
	case ZCRX_EVENT_STOPPED:
		return has_stopped(c, e);
	case ZCRX_EVENT_ERROR:
	case ZCRX_EVENT_LEASE_GONE:
		check(e->error, e->message);
		break;
	case ZCRX_EVENT_LEASE_ENDING:
	case ZCRX_EVENT_COMPLETION:
	case ZCRX_EVENT_STAGED:
		break;
	}
}

/* What takes its time: once in a few milliseconds. */
static void now_and_then(void)
{
	unsigned int n = n_kept < 8 ? n_kept : 8;

	for (unsigned int i = 0; i < n; i++)
		check(zcrx_queue_return(queue, kept[i]), "return late");
	n_kept -= n;
	memmove(kept, kept + n, n_kept * sizeof(*kept));
	for (unsigned int i = 0; i < N; i++) {
		struct connection *c = &connections[i];

		if (c->paused && !c->done)
			check(zcrx_stream_resume(c->stream), "resume");
		c->paused = 0;
	}
}

static void run(void)
{
	const struct zcrx_event *e;

	while (open_connections > 0 || n_kept > 0) {
		struct pollfd fd = { .fd = with_poll ? zcrx_queue_get_fd(queue) : -1,
				     .events = POLLIN };
		int r = 0, n = 0;

		if (with_poll)
			poll(&fd, 1, 5);
		while (n++ < 100 && (r = zcrx_queue_wait(queue, with_poll ? 0 : 5, &e)) > 0)
			handle(e);
		check(r, "wait");
		now_and_then();
	}
}

static int listen_on(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "10.9.0.1", &a.sin_addr);
	check(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
			      bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, N) == 0
		      ? 0
		      : -errno,
	      "listen");
	return fd;
}

int main(int argc, char **argv)
{
	struct zcrx_client *client;
	int listener = listen_on(argc > 2 ? atoi(argv[1]) : 0);

	directory = argv[2];
	with_poll = argc > 3;
	check(zcrx_client_new(&client), "client");
	check(zcrx_client_connect(client, NULL), "connect");
	check(zcrx_lease_new(client, &lease), "lease");
	check(zcrx_lease_acquire(lease), "acquire");
	check(zcrx_queue_new(lease, 0, &queue), "queue");
	/* So that not everything is received before the first stop is heard of. */
	check(zcrx_queue_set_completions(queue, 256), "completions");
	check(zcrx_queue_register(queue), "register");
	check(zcrx_queue_steer_socket(queue, listener), "steer");
	puts("listening");
	fflush(stdout);
	for (unsigned int i = 0; i < N; i++) {
		int socket = accept(listener, NULL, NULL);

		connections[i].role = UNKNOWN;
		check(zcrx_queue_receive(queue, socket, &connections[i], &connections[i].stream),
		      "receive");
		check(zcrx_stream_set_limit(connections[i].stream, LIMIT), "limit");
		close(socket);
	}
	run();
	printf("{\"stop\":%" PRIu64 ",\"plain\":%" PRIu64
	       ",\"stops\":%u,\"faults\":%u,\"pauses\":%u,\"pieces\":%u,"
	       "\"kept\":%u}\n",
	       first_stop, read_plainly, stops, faults, pauses, pieces, most_kept);
	zcrx_queue_unref(queue);
	check(zcrx_lease_release(lease), "release");
	zcrx_lease_unref(lease);
	zcrx_client_unref(client);
	return 0;
}
