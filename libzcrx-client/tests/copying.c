/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See copying.h. */
#include "copying.h"

#include <arpa/inet.h>
#include <unistd.h>

#define PATIENCE 10000 /* milliseconds */

int copying_setup(void **state)
{
	struct copying *x = calloc(1, sizeof(*x));

	assert_int_equal(zcrx_client_new(&x->client), 0);
	assert_int_equal(zcrx_lease_new(x->client, &x->lease), 0);
	assert_int_equal(zcrx_lease_set_backends(x->lease, "copy"), 0);
	assert_int_equal(zcrx_lease_set_queues(x->lease, 2), 0);
	assert_int_equal(zcrx_lease_acquire(x->lease), 0);
	assert_int_equal(zcrx_queue_new(x->lease, 0, &x->queue), 0);
	assert_int_equal(zcrx_queue_set_area_size(x->queue, BUFFERS * 4096), 0);
	assert_int_equal(zcrx_queue_register(x->queue), 0);
	*state = x;
	return 0;
}

/* All buffers are free, of which something is left to receive into. */
int copying_teardown(void **state)
{
	struct copying *x = *state;
	struct zcrx_stream *s;
	int pair[2];

	make_pair(pair);
	send_pattern(pair[1], 0, (size_t)BUFFERS * 4096);
	assert_int_equal(zcrx_queue_receive(x->queue, pair[0], NULL, &s), 0);
	for (unsigned int i = 0; i < BUFFERS; i++) {
		const struct zcrx_event *e = wait_event(x);

		assert_int_equal(e->type, ZCRX_EVENT_DATA);
		assert_int_equal(e->length, 4096);
	}
	zcrx_stream_free(s);
	close_pair(pair);
	assert_int_equal(x->queue->n_waiting, 0);
	assert_int_equal(x->queue->n_stopping, 0);
	zcrx_queue_unref(x->queue);
	zcrx_lease_unref(x->lease);
	zcrx_client_unref(x->client);
	free(x);
	return 0;
}

void make_pair(int pair[2])
{
	int size = 1 << 20;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

void make_tcp(int pair[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(address);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(pair[1], (struct sockaddr *)&address, sizeof(address)), 0);
	pair[0] = accept(listener, NULL, NULL);
	assert_true(pair[0] >= 0);
	close(listener);
}

void close_pair(int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

unsigned char pattern(uint64_t offset)
{
	return (unsigned char)(offset * 7 + (offset >> 8) * 13 + (offset >> 16));
}

void send_pattern(int socket, uint64_t offset, size_t length)
{
	unsigned char bytes[4096];

	while (length > 0) {
		size_t n = length < sizeof(bytes) ? length : sizeof(bytes);

		for (size_t i = 0; i < n; i++)
			bytes[i] = pattern(offset + i);
		assert_int_equal(send(socket, bytes, n, MSG_NOSIGNAL), n);
		offset += n;
		length -= n;
	}
}

void check_pattern(const struct zcrx_event *e)
{
	const unsigned char *data = e->data;

	assert_int_equal(e->type, ZCRX_EVENT_DATA);
	assert_true(e->length > 0);
	for (size_t i = 0; i < e->length; i++)
		if (data[i] != pattern(e->offset + i))
			fail_msg("byte %zu after %llu is %02x", i, (unsigned long long)e->offset, data[i]);
}

int peek_byte(int socket)
{
	unsigned char byte;

	assert_int_equal(recv(socket, &byte, 1, MSG_PEEK), 1);
	return byte;
}

static void *run_sender(void *userdata)
{
	struct sender *s = userdata;

	send_pattern(s->socket, 0, s->bytes);
	close(s->socket);
	return NULL;
}

void start_sender(struct sender *s)
{
	assert_int_equal(pthread_create(&s->thread, NULL, run_sender, s), 0);
}

const struct zcrx_event *wait_event(struct copying *x)
{
	const struct zcrx_event *e = NULL;

	assert_int_equal(zcrx_queue_wait(x->queue, PATIENCE, &e), 1);
	return e;
}

void nothing(struct copying *x)
{
	const struct zcrx_event *e;

	assert_int_equal(zcrx_queue_wait(x->queue, 0, &e), 0);
}

uint64_t consume(struct copying *x, struct zcrx_stream *s, uint64_t got, enum zcrx_event_kind last)
{
	for (;;) {
		const struct zcrx_event *e = wait_event(x);

		assert_ptr_equal(e->stream, s);
		assert_int_equal(e->offset, got);
		if (e->type == last)
			return got;
		check_pattern(e);
		got += e->length;
		assert_int_equal(zcrx_queue_return(x->queue, e->data), 0);
	}
}

uint64_t consume_bytes(struct copying *x, struct zcrx_stream *s, uint64_t got, uint64_t bytes)
{
	const uint64_t end = got + bytes;

	while (got < end) {
		const struct zcrx_event *e = wait_event(x);

		assert_ptr_equal(e->stream, s);
		check_pattern(e);
		assert_int_equal(e->offset, got);
		got += e->length;
		assert_int_equal(zcrx_queue_return(x->queue, e->data), 0);
	}
	return got;
}
