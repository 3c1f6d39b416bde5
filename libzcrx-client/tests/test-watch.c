/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program polls: when it is readable, and that streams leave nothing in it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "fake-kernel.h"

static bool is_readable(void)
{
	return poll(&(struct pollfd) { .fd = zcrx_queue_get_fd(&k->queue), .events = POLLIN }, 1,
		    0) == 1;
}

/* How many descriptors the epoll holds: one is the eventfd. */
static unsigned int watched(void)
{
	char path[64], line[256];
	unsigned int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", k->queue.epoll);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strncmp(line, "tfd:", 4) == 0;
	fclose(f);
	return n;
}

static uint64_t receive(int socket, struct zcrx_stream **ret)
{
	assert_int_equal(zcrx_queue_receive(&k->queue, socket, NULL, ret), 0);
	return armed();
}

static void make_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static void close_pair(int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static void drop_watch(void)
{
	assert_int_equal(watched(), 1);
	close(k->queue.epoll);
	close(k->queue.event_fd);
}

static void test_readable(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;
	int pair[2];
	char byte;

	(void)state;
	make_pair(pair);
	assert_true(is_readable()); /* there may be something already */
	assert_int_equal(fcntl(k->queue.epoll, F_GETFD), FD_CLOEXEC);
	assert_int_equal(zcrx_queue_get_fd(&k->queue), k->queue.epoll);
	nothing();
	assert_false(is_readable());
	tag = receive(pair[0], &s);
	assert_false(is_readable());
	for (unsigned int i = 0; i < 3; i++) {
		/* What comes to the socket, though the ring does not tell. */
		assert_int_equal(write(pair[1], "x", 1), 1);
		assert_true(is_readable());
		post(tag, 1, IORING_CQE_F_MORE, 0);
		assert_int_equal(next()->type, ZCRX_EVENT_DATA);
		assert_int_equal(zcrx_queue_return(&k->queue, k->area), 0);
		nothing();
		assert_false(is_readable());
		assert_int_equal(read(pair[0], &byte, 1), 1); /* as the ring has, before */
		/* What the ring tells. */
		assert_int_equal(eventfd_write(k->event_fd, 1), 0);
		assert_true(is_readable());
		nothing();
		assert_false(is_readable());
	}
	/* What the ring has received before anybody looked is nothing any more. */
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(read(pair[0], &byte, 1), 1);
	assert_false(is_readable());
	end(tag, s);
	drop_watch();
	close_pair(pair);
}

/* More sockets than are taken out at a time. */
static void test_emptied(void **state)
{
	struct zcrx_stream *streams[150];
	uint64_t tags[150];
	int pairs[150][2];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(streams); i++) {
		make_pair(pairs[i]);
		assert_int_equal(write(pairs[i][1], "x", 1), 1);
		tags[i] = receive(pairs[i][0], &streams[i]);
		if (i == 50) /* those of before are in it, too */
			assert_true(is_readable());
	}
	assert_int_equal(watched(), 151);
	nothing();
	assert_false(is_readable());
	for (unsigned int i = 0; i < ARRAY_SIZE(streams); i++) {
		end(tags[i], streams[i]);
		close_pair(pairs[i]);
	}
	drop_watch();
}

/* Neither a stream that has ended, nor one that was freed, nor a socket that the application has
 * still. */
static void test_nothing_left(void **state)
{
	int pair[2], again[2];
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	assert_true(is_readable());
	make_pair(pair);
	tag = receive(pair[0], &s);
	assert_int_equal(watched(), 2);
	post(tag, 0, 0, 0);
	assert_int_equal(next()->type, ZCRX_EVENT_EOF);
	assert_int_equal(watched(), 1);
	zcrx_stream_free(s);
	tag = receive(pair[0], &s);
	post(tag, -ECONNRESET, 0, 0);
	assert_int_equal(next()->type, ZCRX_EVENT_ERROR);
	assert_int_equal(watched(), 1);
	zcrx_stream_free(s);
	/* Freed, though the kernel has the request yet. */
	tag = receive(pair[0], &s);
	zcrx_stream_free(s);
	k->n_submitted = 0;
	assert_int_equal(watched(), 1);
	nothing();
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_false(is_readable());
	post(tag, -ECANCELED, 0, 0);
	nothing();
	/* Closed by the application: the library's is what is watched, and the peer hears of the
	 * end. */
	make_pair(again);
	tag = receive(again[0], &s);
	close(again[0]);
	nothing();
	assert_int_equal(write(again[1], "x", 1), 1);
	assert_true(is_readable());
	end(tag, s);
	assert_int_equal(write(again[1], "x", 1) < 0 ? errno : 0, EPIPE);
	close(again[1]);
	drop_watch();
	close_pair(pair);
}

/* What is no socket, and what stops and goes. */
static void test_not_received(void **state)
{
	struct zcrx_stream *s, *other;
	uint64_t tag, null;
	int pair[2];

	(void)state;
	assert_true(is_readable());
	nothing();
	null = start(NULL, &other);
	assert_int_equal(watched(), 1);
	end(null, other);
	make_pair(pair);
	tag = receive(pair[0], &s);
	assert_int_equal(zcrx_stream_pause(s), 0);
	assert_int_equal(watched(), 1);
	assert_int_equal(zcrx_stream_resume(s), 0);
	assert_int_equal(watched(), 2);
	assert_int_equal(zcrx_stream_stop(s), 0);
	assert_int_equal(watched(), 1);
	k->n_submitted = 0;
	post(tag, -ECANCELED, 0, 0);
	assert_int_equal(next()->type, ZCRX_EVENT_STOPPED);
	/* What the kernel does not know of is told, too. */
	nothing();
	assert_false(is_readable());
	assert_int_equal(zcrx_stream_continue(s, 0), 0);
	assert_true(is_readable());
	assert_int_equal(zcrx_stream_stop(s), 0);
	assert_true(is_readable());
	assert_int_equal(next()->type, ZCRX_EVENT_STOPPED);
	assert_int_equal(watched(), 1);
	zcrx_stream_free(s);
	assert_int_equal(k->n_submitted, 0);
	drop_watch();
	close_pair(pair);
}

/* A stream waits for a buffer, which any thread may return: once that is told. */
static void test_returned(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	assert_true(is_readable());
	nothing();
	tag = start(NULL, &s);
	assert_int_equal(zcrx_stream_set_limit(s, 1), 0);
	k->n_submitted = 0;
	for (unsigned int i = 0; i < 3; i++)
		post(tag, 10, IORING_CQE_F_MORE, i * LENGTH);
	post(tag, -ECANCELED, 0, 0);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(next()->type, ZCRX_EVENT_DATA);
	nothing();
	assert_false(is_readable());
	assert_int_equal(k->n_submitted, 1); /* the timer */
	k->n_submitted = 0;
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(zcrx_queue_return(&k->queue, k->area + i * LENGTH), 0);
		k->rq_head = k->rq_tail;
		assert_true(is_readable());
		assert_int_equal(k->n_submitted, 0);
		nothing();
		assert_false(is_readable());
	}
	assert_int_equal(k->n_submitted, 1); /* the receive */
	k->n_submitted = 0;
	post(tag, 10, IORING_CQE_F_MORE, 0);
	assert_int_equal(next()->type, ZCRX_EVENT_DATA);
	nothing();
	k->n_submitted = 0;
	assert_int_equal(zcrx_queue_return(&k->queue, k->area), 0);
	assert_false(is_readable()); /* nobody waits for it */
	end(tag, s);
	drop_watch();
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(zcrx_queue_get_fd(NULL), -EINVAL);
	k->eventfd_result = -EEXIST;
	assert_int_equal(zcrx_queue_get_fd(&k->queue), -EEXIST);
	assert_int_equal(k->queue.epoll, -EBADF);
	assert_int_equal(k->queue.event_fd, -EBADF);
	k->queue.registered = false;
	assert_int_equal(zcrx_queue_get_fd(&k->queue), -EBADFD);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kernel_setup, kernel_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_readable),
		TEST(test_emptied),
		TEST(test_nothing_left),
		TEST(test_not_received),
		TEST(test_returned),
		TEST(test_refused),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
