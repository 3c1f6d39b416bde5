/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The copy backend in programs' loops: when its descriptor is readable, how long it waits, what wakes it. And spans
 * that are kept, joined or staged, and streams that are freed early. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>

#include "copying.h"

static bool is_readable(struct copying *x)
{
	return poll(&(struct pollfd) { .fd = zcrx_queue_get_fd(x->queue), .events = POLLIN }, 1, 0) == 1;
}

static void test_readable(void **state)
{
	struct copying *x = *state;
	struct zcrx_stream *s;
	int pair[2];

	make_pair(pair);
	assert_int_equal(fcntl(zcrx_queue_get_fd(x->queue), F_GETFD), FD_CLOEXEC);
	assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
	nothing(x);
	assert_false(is_readable(x));
	for (unsigned int i = 0; i < 3; i++) {
		send_pattern(pair[1], i * 10, 10);
		assert_true(is_readable(x));
		assert_int_equal(consume_bytes(x, s, i * 10, 10), i * 10 + 10);
		nothing(x);
		assert_false(is_readable(x));
	}
	/* What is paused does not tell, and what stops does. */
	assert_int_equal(zcrx_stream_pause(s), 0);
	nothing(x);
	send_pattern(pair[1], 30, 10);
	assert_false(is_readable(x));
	assert_int_equal(zcrx_stream_resume(s), 0);
	assert_true(is_readable(x));
	assert_int_equal(consume_bytes(x, s, 30, 10), 40);
	nothing(x);
	assert_int_equal(zcrx_stream_stop(s), 0);
	assert_true(is_readable(x));
	assert_int_equal(consume(x, s, 40, ZCRX_EVENT_STOPPED), 40);
	nothing(x);
	send_pattern(pair[1], 40, 10);
	assert_false(is_readable(x));
	zcrx_stream_free(s);
	close_pair(pair);
}

/* A program whose epoll is edge triggered, and which does as the header says, gets everything. */
static void test_edge_triggered(void **state)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct sender sender = { .bytes = 3 << 20 };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct copying *x = *state;
	const struct zcrx_event *e;
	struct zcrx_stream *s;
	bool ended = false;
	uint64_t got = 0;
	int pair[2], r;

	make_pair(pair);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, zcrx_queue_get_fd(x->queue), &event), 0);
	assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
	assert_int_equal(zcrx_stream_set_limit(s, 3), 0);
	sender.socket = pair[1];
	start_sender(&sender);
	while (!ended) {
		assert_int_equal(epoll_wait(epoll, &event, 1, 5000), 1);
		while ((r = zcrx_queue_wait(x->queue, 0, &e)) > 0) {
			ended = e->type == ZCRX_EVENT_EOF;
			if (ended)
				continue;
			check_pattern(e);
			got += e->length;
			zcrx_queue_return(x->queue, e->data);
		}
		assert_int_equal(r, 0);
	}
	pthread_join(sender.thread, NULL);
	assert_int_equal(got, sender.bytes);
	zcrx_stream_free(s);
	close(epoll);
	close(pair[0]);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void on_alarm(int number)
{
}

static void test_waiting(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct copying *x = *state;
	const struct zcrx_event *e;
	int64_t begin = now_ms();

	assert_int_equal(zcrx_queue_wait(x->queue, 30, &e), 0);
	assert_in_range(now_ms() - begin, 29, 10000);
	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	assert_int_equal(zcrx_queue_wait(x->queue, -1, &e), -EINTR);
}

/* What a socket has for somebody else neither is taken for the end nor keeps the loop busy. */
static void test_not_for_us(void **state)
{
	struct copying *x = *state;
	struct zcrx_stream *s;
	int pair[2], one = 1;
	char byte;

	make_tcp(pair);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)), 0);
	assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
	assert_int_equal(send(pair[0], "x", 1, MSG_ZEROCOPY), 1);
	assert_int_equal(read(pair[1], &byte, 1), 1);
	assert_int_equal(zcrx_queue_wait(x->queue, 100, &(const struct zcrx_event *) { NULL }), 0);
	assert_true(s->edge);
	assert_false(is_readable(x));
	send_pattern(pair[1], 0, 10);
	assert_int_equal(consume_bytes(x, s, 0, 10), 10);
	assert_false(s->edge);
	send_pattern(pair[1], 10, 100000);
	assert_int_equal(consume_bytes(x, s, 10, 100000), 100010);
	close(pair[1]);
	assert_int_equal(consume(x, s, 100010, ZCRX_EVENT_EOF), 100010);
	zcrx_stream_free(s);
	close(pair[0]);
}

/* Released, with a queue that is still there: it is told, and streams go on. */
static void test_release(void **state)
{
	struct copying *x = *state;
	const struct zcrx_event *e;
	struct zcrx_stream *s;
	const char *reason;
	int pair[2];

	make_pair(pair);
	assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
	nothing(x);
	assert_int_equal(zcrx_lease_has_ended(x->lease), 0);
	assert_int_equal(zcrx_lease_release(x->lease), 0);
	assert_true(is_readable(x));
	e = wait_event(x);
	assert_int_equal(e->type, ZCRX_EVENT_LEASE_GONE);
	assert_int_equal(e->error, -ECANCELED);
	assert_string_equal(e->message, "it was released");
	assert_int_equal(zcrx_lease_has_ended(x->lease), 1);
	assert_int_equal(zcrx_lease_get_end_reason(x->lease, &reason), -ECANCELED);
	assert_string_equal(reason, "it was released");
	assert_int_equal(zcrx_lease_release(x->lease), -EBADFD);
	assert_int_equal(zcrx_queue_steer_socket(x->queue, pair[0]), -EBADFD);
	nothing(x);
	assert_false(is_readable(x));
	send_pattern(pair[1], 0, 10);
	assert_int_equal(consume_bytes(x, s, 0, 10), 10);
	zcrx_stream_free(s);
	close_pair(pair);
}

/* Spans that are kept longer than the queue, and buffers that need no huge pages. */
static void test_spans_and_large_buffers(void **state)
{
	struct copying *x = *state;
	struct zcrx_stream *s;
	const struct zcrx_event *e;
	struct zcrx_queue *q;
	struct zcrx_pool *p;
	char *data;
	int pair[2];

	make_pair(pair);
	assert_int_equal(zcrx_queue_new(x->lease, 1, &q), 0);
	assert_int_equal(zcrx_queue_set_buffer_length(q, 65536), 0);
	assert_int_equal(zcrx_queue_set_area_size(q, 100000), 0);
	assert_int_equal(zcrx_queue_register(q), 0);
	assert_int_equal(zcrx_queue_register(q), -EBUSY);
	assert_int_equal(zcrx_queue_get_buffers(q), 2);
	assert_int_equal(zcrx_queue_get_buffer_length(q), 65536);
	p = zcrx_pool_ref(zcrx_queue_get_pool(q));
	assert_int_equal(zcrx_queue_receive(q, pair[0], NULL, &s), 0);
	send_pattern(pair[1], 0, 50000);
	assert_int_equal(zcrx_queue_wait(q, 5000, &e), 1);
	assert_int_equal(e->length, 50000);
	data = e->data;
	assert_int_equal(zcrx_pool_hold(p, data), 0);
	assert_int_equal(zcrx_queue_return(q, data), 0);
	zcrx_stream_free(s);
	zcrx_queue_unref(q);
	assert_int_equal((unsigned char)data[49999], pattern(49999));
	assert_int_equal(zcrx_pool_return(p, data), 0);
	assert_int_equal(zcrx_pool_return(p, data), -EINVAL);
	zcrx_pool_unref(p);
	close_pair(pair);
}

/* What was received at once is one event, where that is wanted, and goes back as a whole. */
static void test_joined(void **state)
{
	struct copying *x = *state;
	const struct zcrx_event *e;
	struct zcrx_stream *s;
	struct zcrx_queue *q;
	int pair[2];

	make_pair(pair);
	assert_int_equal(zcrx_queue_new(x->lease, 1, &q), 0);
	assert_int_equal(zcrx_queue_set_join(q, 1), 0);
	assert_int_equal(zcrx_queue_set_area_size(q, 16 * 4096), 0);
	assert_int_equal(zcrx_queue_register(q), 0);
	assert_int_equal(zcrx_queue_receive(q, pair[0], NULL, &s), 0);
	for (uint64_t i = 0; i < 50; i++) {
		send_pattern(pair[1], i * 50000, 50000);
		assert_int_equal(zcrx_queue_wait(q, 5000, &e), 1);
		assert_int_equal(e->offset, i * 50000);
		assert_int_equal(e->length, 50000);
		check_pattern(e);
		assert_int_equal(zcrx_queue_return(q, e->data), 0);
		assert_int_equal(zcrx_queue_return(q, e->data), -EINVAL);
	}
	zcrx_stream_free(s);
	zcrx_queue_unref(q);
	close_pair(pair);
}

/* Into a dma-buf nothing can be copied: all is staged. A memfd stands for one, and is not touched. */
static void test_dmabuf(void **state)
{
	struct copying *x = *state;
	const struct zcrx_event *e;
	struct zcrx_stream *s;
	struct zcrx_queue *q;
	uint64_t got = 0;
	int pair[2], fd;
	char byte;

	make_pair(pair);
	fd = memfd_create("dmabuf", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 16 * 4096), 0);
	assert_int_equal(zcrx_queue_new(x->lease, 1, &q), 0);
	assert_int_equal(zcrx_queue_set_dmabuf(q, fd), 0);
	assert_int_equal(zcrx_queue_register(q), 0);
	send_pattern(pair[1], 0, 200000);
	shutdown(pair[1], SHUT_WR);
	assert_int_equal(zcrx_queue_receive_bounded(q, pair[0], 150000, NULL, &s), 0);
	while (zcrx_queue_wait(q, 5000, &e) == 1 && e->type == ZCRX_EVENT_STAGED) {
		const unsigned char *data = e->data;

		assert_int_equal(e->offset, got);
		assert_int_equal(data[0], pattern(got));
		assert_int_equal(data[e->length - 1], pattern(got + e->length - 1));
		got += e->length;
	}
	assert_int_equal(e->type, ZCRX_EVENT_STOPPED);
	assert_int_equal(got, 150000);
	assert_int_equal(peek_byte(pair[0]), pattern(got));
	assert_int_equal(zcrx_stream_continue(s, 0), 0);
	while (zcrx_queue_wait(q, 5000, &e) == 1 && e->type == ZCRX_EVENT_STAGED)
		got += e->length;
	assert_int_equal(e->type, ZCRX_EVENT_EOF);
	assert_int_equal(got, 200000);
	assert_int_equal(zcrx_pool_get_staged(zcrx_queue_get_pool(q)), 200000);
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 0);
	zcrx_stream_free(s);
	zcrx_queue_unref(q);
	close_pair(pair);
	close(fd);
}

/* A stream that is freed in the middle takes nothing of another's, and no buffer with it. */
static void test_freed_in_the_middle(void **state)
{
	struct copying *x = *state;
	struct zcrx_stream *s, *other;
	const struct zcrx_event *e;
	int pair[2], second[2];

	for (unsigned int i = 0; i < 2 * BUFFERS; i++) {
		make_pair(pair);
		make_pair(second);
		assert_int_equal(zcrx_queue_receive(x->queue, pair[0], x, &s), 0);
		send_pattern(pair[1], 0, 30000);
		e = wait_event(x);
		zcrx_queue_return(x->queue, e->data);
		zcrx_stream_free(s);
		assert_int_equal(zcrx_queue_receive(x->queue, second[0], NULL, &other), 0);
		send_pattern(second[1], 0, 10);
		assert_int_equal(consume_bytes(x, other, 0, 10), 10);
		zcrx_stream_free(other);
		/* The peer hears of the end, so nobody has the socket. */
		close(pair[0]);
		assert_int_equal(send(pair[1], "x", 1, MSG_NOSIGNAL) < 0 ? errno : 0, EPIPE);
		close(pair[1]);
		close_pair(second);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_readable),   TEST(test_edge_triggered), TEST(test_waiting),
		TEST(test_not_for_us), TEST(test_release),	  TEST(test_spans_and_large_buffers),
		TEST(test_joined),     TEST(test_dmabuf),
		TEST(test_freed_in_the_middle),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
