/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The data path: which completions become which events. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "fake-kernel.h"

static void test_data_and_eof(void **state)
{
	const struct zcrx_event *e;
	struct zcrx_stream *s;
	uint64_t tag;
	int mine;

	(void)state;
	tag = start(&mine, &s);
	nothing();
	assert_ptr_equal(zcrx_stream_get_userdata(s), &mine);
	assert_int_equal(fcntl(zcrx_stream_get_socket(s), F_GETFD), FD_CLOEXEC);
	assert_int_equal(zcrx_stream_get_socket(NULL), -EINVAL);
	zcrx_stream_set_userdata(s, &tag);
	assert_ptr_equal(zcrx_stream_get_userdata(s), &tag);
	zcrx_stream_set_userdata(s, &mine);
	post(tag, 1000, IORING_CQE_F_MORE, 3 * LENGTH + 66);
	post(tag, 4096, IORING_CQE_F_MORE, 7 * LENGTH);
	e = next();
	assert_int_equal(e->type, ZCRX_EVENT_DATA);
	assert_ptr_equal(e->userdata, &mine);
	assert_ptr_equal(e->stream, s);
	assert_ptr_equal(e->data, k->area + 3 * LENGTH + 66);
	assert_int_equal(e->length, 1000);
	assert_int_equal(zcrx_queue_return(&k->queue, e->data), 0);
	assert_int_equal(zcrx_queue_return(&k->queue, e->data), -EINVAL);
	assert_int_equal(zcrx_queue_return(&k->queue, &mine), -EINVAL);
	assert_int_equal(k->rq_tail, 1);
	assert_int_equal(k->rqes[0].off, 3 * LENGTH);
	e = next();
	assert_ptr_equal(e->data, k->area + 7 * LENGTH);
	assert_int_equal(zcrx_queue_get_received(&k->queue), 5096);
	end(tag, s);
	/* A buffer may be returned after its stream is gone. */
	assert_int_equal(zcrx_queue_return(&k->queue, k->area + 7 * LENGTH), 0);
	assert_int_equal(k->n_submitted, 0);
}

/* The two ends of a TCP connection, the first of which has something to read. */
static void connect_pair(int ret[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(a);

	assert_int_equal(bind(listener, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
	ret[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ret[1], (struct sockaddr *)&a, n), 0);
	ret[0] = accept(listener, NULL, NULL);
	assert_true(ret[0] >= 0);
	close(listener);
	assert_int_equal(send(ret[1], "x", 1, 0), 1);
	assert_int_equal(poll(&(struct pollfd) { .fd = ret[0], .events = POLLIN }, 1, 10000), 1);
}

/* The kernel can forget the last of many wake-ups: who waits for the socket is woken once more, and only
 * then. A short wait does not sleep before that. */
static void test_a_missed_wake_up(void **state)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	const struct zcrx_event *event;
	int sockets[2], edges = epoll_create1(EPOLL_CLOEXEC);
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	connect_pair(sockets);
	assert_int_equal(epoll_ctl(edges, EPOLL_CTL_ADD, sockets[0], &e), 0);
	assert_int_equal(epoll_wait(edges, &e, 1, 0), 1);
	assert_int_equal(zcrx_queue_receive(&k->queue, sockets[0], NULL, &s), 0);
	tag = armed();
	for (unsigned int round = 0; round < 3; round++) {
		unsigned int n = round == 0 ? 10 : 100;

		for (unsigned int i = 0; i < n; i++) {
			post(tag, 1, IORING_CQE_F_MORE, 0);
			assert_int_equal(next()->type, ZCRX_EVENT_DATA);
			assert_int_equal(zcrx_queue_return(&k->queue, k->area), 0);
			k->rq_head = k->rq_tail;
		}
		assert_int_equal(epoll_wait(edges, &e, 1, 0), 0);
		assert_int_equal(zcrx_queue_wait(&k->queue, round == 2 ? 1 : 0, &event), 0);
		assert_int_equal(epoll_wait(edges, &e, 1, 0), round > 0);
	}
	end(tag, s);
	close(edges);
	close(sockets[0]);
	close(sockets[1]);
}

/* Every completion of the caller's own comes through untouched. */
static void test_own_completions(void **state)
{
	const struct zcrx_event *e;

	(void)state;
	post(UINT64_MAX >> 1, -7, 3, 0);
	post(0, 9, 0, 0);
	e = next();
	assert_int_equal(e->type, ZCRX_EVENT_COMPLETION);
	assert_true(e->user_data == UINT64_MAX >> 1);
	assert_int_equal(e->result, -7);
	assert_int_equal(e->flags, 3);
	e = next();
	assert_int_equal(e->type, ZCRX_EVENT_COMPLETION);
	assert_int_equal(e->user_data, 0);
	nothing();
}

/* A number is no pointer: neither liburing's own, nor that of a stream which is gone. */
static void test_user_data_of_nobody(void **state)
{
	static const uint64_t numbers[] = { UINT64_MAX, UINT64_MAX - 1, UINT64_MAX << 32, MAX_TAG + 1,
					    OURS | 0x1000, OURS | UINT64_C(1) << 32 | 99 };
	const struct zcrx_event *e;
	struct zcrx_stream *s, *other;
	uint64_t tag, next_tag;

	(void)state;
	tag = start(NULL, &s);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		post(numbers[i], -ETIME, IORING_CQE_F_MORE, 0);
		e = next();
		assert_int_equal(e->type, ZCRX_EVENT_COMPLETION);
		assert_true(e->user_data == numbers[i]);
		assert_int_equal(e->result, -ETIME);
	}
	end(tag, s);
	next_tag = start(NULL, &other);
	assert_true(next_tag != tag);
	post(tag, 0, 0, 0);
	assert_int_equal(next()->type, ZCRX_EVENT_COMPLETION);
	end(next_tag, other);
}

/* Streams come and go in any order, and more of them than the table had room for. */
static void test_many_streams(void **state)
{
	struct zcrx_stream *streams[100];
	uint64_t tags[100];

	(void)state;
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(streams); i++) {
			tags[i] = start(&streams[i], &streams[i]);
			for (unsigned int j = 0; j < i; j++)
				assert_true(tags[j] != tags[i]);
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(streams); i++) {
			unsigned int which = (i * 37 + round) % ARRAY_SIZE(streams);

			post(tags[which], 0, 0, 0);
			assert_ptr_equal(next()->userdata, &streams[which]);
			zcrx_stream_free(streams[which]);
		}
	}
	assert_int_equal(k->queue.table.n_slots, 128);
}

static void test_lease_gone(void **state)
{
	static const char farewell[] = "{\"end\":\"release\",\"reason\":\"it was released\"}";
	const struct zcrx_event *e;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	k->queue.handle = pair[0];
	for (unsigned int said = 0; said < 2; said++) {
		if (said)
			assert_true(send(pair[1], farewell, strlen(farewell), 0) > 0);
		post(UINT64_C(1) << 63 | 1, POLLHUP, 0, 0);
		e = next();
		assert_int_equal(e->type, ZCRX_EVENT_LEASE_GONE);
		assert_int_equal(e->error, said ? -ECANCELED : -EPIPE);
		assert_string_equal(e->message, said ? "it was released" : "zcrxd did not say why");
		free(k->queue.end_reason);
		k->queue.end_reason = NULL;
	}
	close(pair[0]);
	close(pair[1]);
	nothing();
}

/* The end may be what was said: that has an event of its own. */
static void test_lease_ending(void **state)
{
	static const char notice[] = "{\"deadlineUSec\":1234567", rest[] = ",\"end\":\"revoke\",\"reason\":\"x\"}";
	const struct zcrx_event *e;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	k->queue.handle = pair[0];
	assert_true(send(pair[1], notice, strlen(notice), 0) > 0);
	post(UINT64_C(1) << 63 | 3, POLLIN, 0, 0);
	e = next();
	assert_int_equal(e->type, ZCRX_EVENT_LEASE_ENDING);
	assert_int_equal(e->deadline_usec, 1234567);
	assert_null(e->stream);
	assert_true(send(pair[1], rest, strlen(rest), 0) > 0);
	post(UINT64_C(1) << 63 | 3, POLLIN, 0, 0);
	nothing();
	close(pair[0]);
	close(pair[1]);
}

static void test_errors(void **state)
{
	static const int errors[] = { -EFAULT, -ECONNRESET, -EPROTONOSUPPORT, -EINVAL, -ECANCELED };
	const struct zcrx_event *e;
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		post(start(NULL, &s), errors[i], 0, 0);
		e = next();
		assert_int_equal(e->type, ZCRX_EVENT_ERROR);
		assert_int_equal(e->error, errors[i]);
		assert_true(strlen(e->message) > 10);
		zcrx_stream_free(s);
	}
	/* A buffer that does not exist is never handed out. */
	tag = start(NULL, &s);
	post(tag, 4096, IORING_CQE_F_MORE, N * LENGTH);
	post(tag, 4096, IORING_CQE_F_MORE, LENGTH);
	nothing();
	assert_int_equal(k->n_submitted, 1);
	assert_int_equal(k->submitted[--k->n_submitted].opcode, IORING_OP_ASYNC_CANCEL);
	assert_true(k->submitted[0].addr == tag);
	assert_int_equal(k->rq_tail, 1);
	post(tag, -ECANCELED, 0, 0);
	e = next();
	assert_int_equal(e->type, ZCRX_EVENT_ERROR);
	assert_int_equal(e->error, -EBADMSG);
	zcrx_stream_free(s);
}

/* After zcrx_stream_free(): no event, no buffer lost, the memory goes with the last completion. */
static void test_free_while_armed(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	tag = start(NULL, &s);
	zcrx_stream_free(s);
	assert_int_equal(k->n_submitted, 1);
	assert_int_equal(k->submitted[0].opcode, IORING_OP_ASYNC_CANCEL);
	assert_true(k->submitted[0].addr == tag);
	post(tag, 100, IORING_CQE_F_MORE, 2 * LENGTH);
	post(k->submitted[0].user_data, 0, 0, 0);
	nothing();
	assert_int_equal(k->rq_tail, 1);
	assert_int_equal(k->rqes[0].off, 2 * LENGTH);
	assert_int_equal(k->queue.refs, 1);
	assert_non_null(k->queue.streams);
	post(tag, -ECANCELED, 0, 0);
	nothing();
	k->n_submitted = 0;
}

static void test_timeout(void **state)
{
	const struct zcrx_event *e;
	struct timespec a, b;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(zcrx_queue_wait(&k->queue, 30, &e), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 29);
	assert_int_equal(zcrx_queue_wait(NULL, 0, &e), -EINVAL);
	assert_int_equal(zcrx_queue_wait(&k->queue, 0, NULL), -EINVAL);
	k->queue.registered = k->queue.enabled = false;
	assert_int_equal(zcrx_queue_wait(&k->queue, 0, &e), -EBADFD);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kernel_setup, kernel_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_data_and_eof),
		TEST(test_a_missed_wake_up),
		TEST(test_own_completions),
		TEST(test_user_data_of_nobody),
		TEST(test_many_streams),
		TEST(test_lease_gone),
		TEST(test_lease_ending),
		TEST(test_errors),
		TEST(test_free_while_armed),
		TEST(test_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
