/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Receiving by the copy backend, from sockets that are connected to the test. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>

#include "copying.h"

static void test_every_byte(void **state)
{
	void (*const pairs[])(int[2]) = { make_pair, make_tcp };
	struct copying *x = *state;

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		uint64_t pieces, bytes, before = zcrx_queue_get_received(x->queue);
		struct sender sender = { .bytes = 1 << 20 }; /* many times the area */
		struct zcrx_stream *s;
		uint64_t got = 0;
		int pair[2];

		pairs[i](pair);
		sender.socket = pair[1];
		assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
		close(pair[0]);
		start_sender(&sender);
		for (;;) {
			const struct zcrx_event *e = wait_event(x);

			assert_ptr_equal(e->stream, s);
			assert_ptr_equal(e->userdata, x);
			assert_int_equal(e->offset, got);
			if (e->type == ZCRX_EVENT_EOF)
				break;
			check_pattern(e);
			got += e->length;
			assert_int_equal(zcrx_queue_return(x->queue, e->data), 0);
		}
		pthread_join(sender.thread, NULL);
		assert_int_equal(got, sender.bytes);
		assert_int_equal(zcrx_queue_get_received(x->queue), before + got);
		assert_int_equal(zcrx_queue_get_copied(x->queue, &pieces, &bytes), 0);
		assert_int_equal(bytes, before + got);
		assert_in_range(pieces, bytes / 4096, bytes);
		nothing(x);
		zcrx_stream_free(s);
	}
}

static void test_what_it_is(void **state)
{
	struct copying *x = *state;
	struct zcrx_queue *other;
	struct zcrx_pool *p;
	int fds[2];

	assert_string_equal(zcrx_lease_get_backend(x->lease), "copy");
	assert_string_equal(zcrx_lease_get_id(x->lease), "copy");
	assert_string_equal(zcrx_lease_get_interface(x->lease), "copy");
	assert_int_equal(zcrx_lease_get_queues(x->lease), 2);
	assert_int_equal(zcrx_lease_get_hardware_queue(x->lease, 1), 1);
	assert_null(zcrx_queue_get_ring(x->queue));
	assert_int_equal(zcrx_queue_get_napi_id(x->queue), 0);
	assert_int_equal(zcrx_queue_get_buffers(x->queue), BUFFERS);
	assert_int_equal(zcrx_queue_steer_socket(x->queue, 0), 0);
	assert_int_equal(zcrx_queue_steer_socket(x->queue, -1), -EINVAL);
	assert_int_equal(zcrx_lease_steer(x->lease, AF_INET, NULL, 0, NULL, 9), 0);
	assert_null(zcrx_lease_get_flow_id(x->lease, 0));
	assert_int_equal(zcrx_lease_renew(x->lease, 1000), 0);
	assert_int_equal(zcrx_queue_tune(x->queue, 1, 1, 1), -EOPNOTSUPP);
	assert_non_null(strstr(zcrx_client_error(x->client), "its backend is copy"));
	assert_int_equal(zcrx_lease_remove_flow(x->lease, "a"), -EOPNOTSUPP);
	assert_int_equal(zcrx_queue_get_share(x->queue, fds), -EOPNOTSUPP);
	assert_int_equal(zcrx_queue_reclaim(x->queue), -EOPNOTSUPP);
	assert_int_equal(zcrx_queue_share(x->queue, &other), 0);
	assert_int_equal(zcrx_queue_register(other), -EOPNOTSUPP);
	assert_non_null(strstr(zcrx_client_error(x->client), "Take a queue for each."));
	zcrx_queue_unref(other);
	assert_int_equal(zcrx_pool_new(x->lease, 1, &p), 0);
	assert_int_equal(zcrx_pool_register(p, 0), -EOPNOTSUPP);
	assert_non_null(strstr(zcrx_client_error(x->client), "without a ring"));
	zcrx_pool_unref(p);
}

/* Nothing is read beyond what was asked for. */
static void test_bounded(void **state)
{
	struct copying *x = *state;
	struct zcrx_stream *s;
	int pair[2];

	make_pair(pair);
	send_pattern(pair[1], 0, 20000);
	assert_int_equal(zcrx_queue_receive_bounded(x->queue, pair[0], 5000, x, &s), 0);
	assert_int_equal(consume(x, s, 0, ZCRX_EVENT_STOPPED), 5000);
	assert_int_equal(peek_byte(pair[0]), pattern(5000));
	assert_int_equal(zcrx_stream_continue(s, 1), 0);
	assert_int_equal(consume(x, s, 5000, ZCRX_EVENT_STOPPED), 5001);
	assert_int_equal(zcrx_stream_continue(s, 0), 0);
	shutdown(pair[1], SHUT_WR);
	assert_int_equal(consume(x, s, 5001, ZCRX_EVENT_EOF), 20000);
	zcrx_stream_free(s);
	/* The end comes before the bound; and just at it, which is a stop. */
	assert_int_equal(zcrx_queue_receive_bounded(x->queue, pair[0], 5, x, &s), 0);
	assert_int_equal(consume(x, s, 0, ZCRX_EVENT_EOF), 0);
	zcrx_stream_free(s);
	close_pair(pair);
	make_pair(pair);
	send_pattern(pair[1], 0, 5);
	shutdown(pair[1], SHUT_WR);
	assert_int_equal(zcrx_queue_receive_bounded(x->queue, pair[0], 5, x, &s), 0);
	assert_int_equal(consume(x, s, 0, ZCRX_EVENT_STOPPED), 5);
	assert_int_equal(zcrx_stream_continue(s, 0), 0);
	assert_int_equal(consume(x, s, 5, ZCRX_EVENT_EOF), 5);
	zcrx_stream_free(s);
	close_pair(pair);
}

/* After what was received comes the stop, and the next byte is in the socket. */
static void test_stop(void **state)
{
	struct copying *x = *state;
	const struct zcrx_event *e;
	struct zcrx_stream *s;
	uint64_t got;
	int pair[2];

	make_pair(pair);
	send_pattern(pair[1], 0, 100000); /* more than is received at once */
	assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
	e = wait_event(x);
	check_pattern(e);
	got = e->length;
	zcrx_queue_return(x->queue, e->data);
	assert_int_equal(zcrx_stream_stop(s), 0);
	got = consume(x, s, got, ZCRX_EVENT_STOPPED);
	assert_in_range(got, 4096, 99999);
	assert_int_equal(peek_byte(pair[0]), pattern(got));
	nothing(x);
	/* Before it has begun, with nothing to receive, and while it is paused. */
	assert_int_equal(zcrx_stream_continue(s, 0), 0);
	assert_int_equal(zcrx_stream_stop(s), 0);
	assert_int_equal(consume(x, s, got, ZCRX_EVENT_STOPPED), got);
	zcrx_stream_free(s);
	close_pair(pair);
	make_pair(pair);
	assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
	nothing(x);
	assert_int_equal(zcrx_stream_stop(s), 0);
	assert_int_equal(consume(x, s, 0, ZCRX_EVENT_STOPPED), 0);
	assert_int_equal(zcrx_stream_continue(s, 0), 0);
	assert_int_equal(zcrx_stream_pause(s), 0);
	nothing(x);
	assert_int_equal(zcrx_stream_stop(s), 0);
	assert_int_equal(consume(x, s, 0, ZCRX_EVENT_STOPPED), 0);
	zcrx_stream_free(s);
	close_pair(pair);
}

static void test_pause_and_resume(void **state)
{
	struct copying *x = *state;
	struct zcrx_stream *s;
	int pair[2];

	make_pair(pair);
	assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
	nothing(x);
	assert_int_equal(zcrx_stream_pause(s), 0);
	send_pattern(pair[1], 0, 100);
	nothing(x);
	nothing(x);
	assert_int_equal(zcrx_stream_resume(s), 0);
	assert_int_equal(consume_bytes(x, s, 0, 100), 100);
	/* Paused and resumed before anybody looked. */
	assert_int_equal(zcrx_stream_pause(s), 0);
	assert_int_equal(zcrx_stream_resume(s), 0);
	send_pattern(pair[1], 100, 100);
	assert_int_equal(consume_bytes(x, s, 100, 100), 200);
	assert_int_equal(zcrx_stream_pause(s), 0);
	close(pair[1]);
	nothing(x);
	assert_int_equal(zcrx_stream_resume(s), 0);
	assert_int_equal(consume(x, s, 200, ZCRX_EVENT_EOF), 200);
	assert_int_equal(zcrx_stream_pause(s), -EALREADY);
	zcrx_stream_free(s);
	close(pair[0]);
}

/* A stream that has as many buffers as it may waits for one, and others go on. */
static void test_limit(void **state)
{
	struct copying *x = *state;
	const struct zcrx_event *e;
	struct zcrx_stream *s, *other;
	uint64_t got = 0;
	void *kept[4];
	unsigned int n = 0;
	int pair[2], second[2];

	make_pair(pair);
	make_pair(second);
	assert_int_equal(zcrx_queue_receive(x->queue, second[0], NULL, &other), 0);
	assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
	assert_int_equal(zcrx_stream_set_limit(s, 2), 0);
	send_pattern(pair[1], 0, 50000);
	while (zcrx_queue_wait(x->queue, 20, &e) > 0) {
		assert_true(n < ARRAY_SIZE(kept));
		check_pattern(e);
		got += e->length;
		kept[n++] = e->data;
	}
	assert_true(n == 2);
	send_pattern(second[1], 0, 10);
	assert_int_equal(consume_bytes(x, other, 0, 10), 10);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(zcrx_queue_return(x->queue, kept[i]), 0);
	assert_int_equal(consume_bytes(x, s, got, 50000 - got), 50000);
	zcrx_stream_free(s);
	zcrx_stream_free(other);
	close_pair(pair);
	close_pair(second);
}

/* Each request ends with the buffer that it has filled, just when the limit would end it. */
static void test_limit_of_one(void **state)
{
	struct copying *x = *state;
	const struct zcrx_event *e;
	struct zcrx_stream *s;
	uint64_t got = 0;
	int pair[2];

	make_pair(pair);
	assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
	assert_int_equal(zcrx_stream_set_limit(s, 1), 0);
	send_pattern(pair[1], 0, 30000);
	while (got < 30000) {
		void *data;

		e = wait_event(x);
		check_pattern(e);
		got += e->length;
		data = e->data;
		nothing(x);
		assert_int_equal(zcrx_queue_return(x->queue, data), 0);
	}
	assert_int_equal(zcrx_stream_stop(s), 0);
	assert_int_equal(consume(x, s, got, ZCRX_EVENT_STOPPED), 30000);
	zcrx_stream_free(s);
	close_pair(pair);
}

static void *return_later(void *userdata)
{
	struct copying *x = userdata;

	usleep(50000);
	for (unsigned int i = 0; i < x->n_kept; i++)
		assert_int_equal(zcrx_queue_return(x->queue, x->kept[i]), 0);
	return NULL;
}

/* The program has all buffers: nothing is lost, and a thread that sleeps is woken by one that returns some. */
static void test_no_buffers(void **state)
{
	struct copying *x = *state;
	const struct zcrx_event *e;
	struct zcrx_stream *s;
	pthread_t thread;
	int pair[2];

	make_pair(pair);
	assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
	send_pattern(pair[1], 0, 4096 * (BUFFERS + 1));
	for (x->n_kept = 0; zcrx_queue_wait(x->queue, 10, &e) > 0; x->n_kept++) {
		assert_true(x->n_kept < BUFFERS);
		assert_int_equal(e->length, 4096);
		check_pattern(e);
		x->kept[x->n_kept] = e->data;
	}
	assert_int_equal(x->n_kept, BUFFERS);
	pthread_create(&thread, NULL, return_later, x);
	e = wait_event(x);
	pthread_join(thread, NULL);
	assert_int_equal(e->offset, 4096 * BUFFERS);
	check_pattern(e);
	assert_int_equal(zcrx_queue_return(x->queue, e->data), 0);
	assert_int_equal(zcrx_queue_return(x->queue, e->data), -EINVAL);
	zcrx_stream_free(s);
	close_pair(pair);
}

static void test_errors(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	struct copying *x = *state;
	const struct zcrx_event *e;
	struct zcrx_stream *s;
	int pair[2], fd;

	make_tcp(pair);
	assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
	setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close_pair(pair);
	e = wait_event(x);
	assert_int_equal(e->type, ZCRX_EVENT_ERROR);
	assert_int_equal(e->error, -ECONNRESET);
	assert_true(*e->message);
	assert_int_equal(zcrx_stream_stop(s), -EALREADY);
	zcrx_stream_free(s);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(zcrx_queue_receive(x->queue, fd, x, &s), 0);
	assert_int_equal(wait_event(x)->error, -ENOTCONN);
	zcrx_stream_free(s);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(zcrx_queue_receive(x->queue, fd, x, &s), -EPERM);
	close(fd);
	assert_int_equal(zcrx_queue_receive(x->queue, 9999, x, &s), -EBADF);
	nothing(x);
}

/* More than are looked at together, each gets its own bytes, and none has to wait for another to end. */
static void test_many_connections(void **state)
{
	enum { N = 150 };
	struct copying *x = *state;
	uint64_t got[N] = {};
	struct zcrx_stream *streams[N];
	unsigned int ended = 0;
	int pairs[N][2];

	for (uintptr_t i = 0; i < N; i++) {
		make_pair(pairs[i]);
		assert_int_equal(zcrx_queue_receive(x->queue, pairs[i][0], &got[i], &streams[i]), 0);
		send_pattern(pairs[i][1], 0, 10000 + i);
	}
	while (ended < N) {
		const struct zcrx_event *e = wait_event(x);
		uint64_t *mine = e->userdata;
		size_t i = (size_t)(mine - got);

		assert_ptr_equal(e->stream, streams[i]);
		if (e->type == ZCRX_EVENT_EOF) {
			assert_int_equal(*mine, 10000 + i);
			ended++;
			continue;
		}
		check_pattern(e);
		*mine += e->length;
		assert_int_equal(zcrx_queue_return(x->queue, e->data), 0);
		if (*mine == 10000 + i)
			shutdown(pairs[i][1], SHUT_WR);
	}
	for (unsigned int i = 0; i < N; i++) {
		zcrx_stream_free(streams[i]);
		close_pair(pairs[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_it_is),	 TEST(test_every_byte), TEST(test_bounded),
		TEST(test_stop),	 TEST(test_pause_and_resume), TEST(test_limit), TEST(test_limit_of_one),
		TEST(test_no_buffers),	 TEST(test_errors), TEST(test_many_connections),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
