/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams that are bounded, paused, limited and stopped: in each of their states, and whatever the
 * kernel does. */
#include <errno.h>
#include <fcntl.h>

#include "fake-kernel.h"

/* That the request is to end, and nothing else, was submitted. */
static void cancelled(uint64_t tag)
{
	assert_int_equal(k->n_submitted, 1);
	k->n_submitted = 0;
	assert_int_equal(k->submitted[0].opcode, IORING_OP_ASYNC_CANCEL);
	assert_true(k->submitted[0].addr == tag);
}

static uint64_t timer(void)
{
	assert_int_equal(k->n_submitted, 1);
	k->n_submitted = 0;
	assert_int_equal(k->submitted[0].opcode, IORING_OP_TIMEOUT);
	return k->submitted[0].user_data;
}

static void data(uint64_t tag, int length, unsigned int buffer, uint64_t offset)
{
	const struct zcrx_event *e;

	post(tag, length, IORING_CQE_F_MORE, (uint64_t)buffer * LENGTH);
	e = next();
	assert_int_equal(e->type, ZCRX_EVENT_DATA);
	assert_int_equal(e->offset, offset);
}

static void give(unsigned int buffer)
{
	assert_int_equal(zcrx_queue_return(&k->queue, k->area + buffer * LENGTH), 0);
	k->rq_head = k->rq_tail;
}

static void stopped(struct zcrx_stream *s, uint64_t offset)
{
	const struct zcrx_event *e = next();

	assert_int_equal(e->type, ZCRX_EVENT_STOPPED);
	assert_ptr_equal(e->stream, s);
	assert_int_equal(e->offset, offset);
	nothing();
	assert_int_equal(k->n_submitted, 0);
	assert_int_equal(zcrx_stream_stop(s), -EALREADY);
	assert_int_equal(zcrx_stream_pause(s), -EALREADY);
	assert_int_equal(zcrx_stream_resume(s), -EALREADY);
	assert_int_equal(zcrx_stream_set_limit(s, 1), -EALREADY);
}

static uint64_t start_bounded(uint64_t bytes, uint32_t length, struct zcrx_stream **ret)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(zcrx_queue_receive_bounded(&k->queue, fd, bytes, NULL, ret), 0);
	close(fd);
	return armed_for(length);
}

/* The stop of a request delivers what it had received, and says where. */
static void test_stop_armed(void **state)
{
	static const int ends[] = { -ECANCELED, -ENOSPC, -ENOMEM };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct zcrx_stream *s;
		uint64_t tag = start(NULL, &s);

		data(tag, 100, 0, 0);
		give(0);
		assert_int_equal(zcrx_stream_stop(s), 0);
		cancelled(tag);
		assert_int_equal(zcrx_stream_stop(s), 0); /* as often as one likes */
		assert_int_equal(k->n_submitted, 0);
		data(tag, 50, 1, 100);
		give(1);
		post(tag, ends[i], 0, 0);
		stopped(s, 150);
		assert_int_equal(k->queue.n_waiting, 0);
		zcrx_stream_free(s);
		k->queue.starved = false;
	}
}

/* What comes before the stop takes effect is told as it is. */
static void test_stop_overtaken(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	tag = start(NULL, &s);
	assert_int_equal(zcrx_stream_stop(s), 0);
	cancelled(tag);
	end(tag, s);
	tag = start(NULL, &s);
	assert_int_equal(zcrx_stream_stop(s), 0);
	cancelled(tag);
	post(tag, -ECONNRESET, 0, 0);
	assert_int_equal(next()->type, ZCRX_EVENT_ERROR);
	assert_int_equal(zcrx_stream_stop(s), -EALREADY);
	assert_int_equal(zcrx_stream_continue(s, 0), -EINPROGRESS);
	zcrx_stream_free(s);
	/* Who frees it does not want to hear of it. */
	tag = start(NULL, &s);
	assert_int_equal(zcrx_stream_stop(s), 0);
	cancelled(tag);
	zcrx_stream_free(s);
	post(tag, -ECANCELED, 0, 0);
	nothing();
	assert_int_equal(k->n_submitted, 0);
}

/* Paused, waiting for a buffer, stopped already: without a request. */
static void test_stop_without_request(void **state)
{
	struct zcrx_stream *s, *other;
	uint64_t tag, other_tag;

	(void)state;
	other_tag = start(NULL, &other);
	tag = start(NULL, &s);
	assert_int_equal(zcrx_stream_pause(s), 0);
	cancelled(tag);
	data(tag, 7, 0, 0);
	give(0);
	post(tag, -ECANCELED, 0, 0);
	nothing();
	assert_int_equal(zcrx_stream_stop(s), 0);
	assert_int_equal(zcrx_stream_stop(s), 0);
	stopped(s, 7);
	zcrx_stream_free(s);

	tag = start(NULL, &s);
	post(tag, -ENOMEM, 0, 0);
	nothing();
	timer();
	assert_int_equal(zcrx_stream_stop(s), 0);
	stopped(s, 0);
	assert_int_equal(zcrx_stream_continue(s, 0), 0);
	assert_int_equal(zcrx_stream_stop(s), 0);
	zcrx_stream_free(s); /* before it was told */
	assert_int_equal(k->queue.n_stopping, 0);
	assert_int_equal(k->queue.n_waiting, 0);
	end(other_tag, other);
}

/* Nothing is armed while a stream is paused; what is on its way comes yet. */
static void test_pause_and_resume(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	tag = start(NULL, &s);
	assert_int_equal(zcrx_stream_resume(s), 0);
	assert_int_equal(zcrx_stream_pause(s), 0);
	assert_int_equal(zcrx_stream_pause(s), 0);
	cancelled(tag);
	data(tag, 100, 0, 0);
	give(0);
	post(tag, -ECANCELED, 0, 0);
	nothing();
	assert_int_equal(k->n_submitted, 0);
	assert_int_equal(zcrx_stream_pause(s), 0);
	assert_int_equal(zcrx_stream_resume(s), 0);
	nothing();
	assert_true(armed() == tag);
	/* Resumed before the kernel has heard of the pause, and paused once more. */
	assert_int_equal(zcrx_stream_pause(s), 0);
	cancelled(tag);
	assert_int_equal(zcrx_stream_resume(s), 0);
	post(tag, -ECANCELED, 0, 0);
	nothing();
	assert_true(armed() == tag);
	/* Paused while it waits to be armed. */
	post(tag, -ENOMEM, 0, 0);
	nothing();
	timer();
	k->queue.starved = k->queue.retry_armed = false;
	assert_int_equal(zcrx_stream_pause(s), 0);
	nothing();
	assert_int_equal(k->n_submitted, 0);
	assert_int_equal(zcrx_stream_resume(s), 0);
	nothing();
	assert_true(armed() == tag);
	/* The end comes through a pause, and a cancelled request that nobody cancelled is an error.
	 */
	assert_int_equal(zcrx_stream_pause(s), 0);
	cancelled(tag);
	end(tag, s);
}

static void test_bounded(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	tag = start_bounded(150, 150, &s);
	assert_int_equal(zcrx_stream_continue(s, 1), -EINPROGRESS);
	data(tag, 100, 0, 0);
	/* Interrupted: the rest of it. */
	post(tag, -ENOSPC, 0, 0);
	nothing();
	assert_true(armed_for(50) == tag);
	data(tag, 50, 0, 100);
	post(tag, 0, 0, 0); /* the length, and not the end */
	stopped(s, 150);
	assert_int_equal(zcrx_stream_continue(s, 10), 0);
	nothing();
	assert_true(armed_for(10) == tag);
	assert_int_equal(zcrx_stream_pause(s), 0);
	cancelled(tag);
	data(tag, 4, 0, 150);
	post(tag, -ECANCELED, 0, 0);
	assert_int_equal(zcrx_stream_resume(s), 0);
	nothing();
	assert_true(armed_for(6) == tag);
	/* Stopped before that. */
	assert_int_equal(zcrx_stream_stop(s), 0);
	cancelled(tag);
	post(tag, -ECANCELED, 0, 0);
	stopped(s, 154);
	/* The end is the end. */
	assert_int_equal(zcrx_stream_continue(s, 10), 0);
	nothing();
	assert_true(armed_for(10) == tag);
	data(tag, 4, 0, 154);
	end(tag, s);
	for (unsigned int i = 0; i < 4; i++)
		give(0);
	assert_int_equal(zcrx_queue_receive_bounded(&k->queue, 0, 0, NULL, &s), -EINVAL);
}

/* Longer than a request can be; and than anything is. */
static void test_bounded_far(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	tag = start_bounded((uint64_t)INT32_MAX + 50, INT32_MAX, &s);
	s->received = INT32_MAX; /* which nobody wants to receive in pieces */
	post(tag, 0, 0, 0);
	nothing();
	assert_true(armed_for(50) == tag);
	end(tag, s);
	tag = start_bounded(UINT64_MAX, 0, &s);
	end(tag, s);
}

/* With as many buffers as it may have it is not armed until one is returned. */
static void test_limit(void **state)
{
	struct zcrx_stream *s, *other;
	uint64_t tag, other_tag, wait;

	(void)state;
	other_tag = start(NULL, &other);
	tag = start(NULL, &s);
	assert_int_equal(zcrx_stream_set_limit(s, 3), 0);
	cancelled(tag);
	post(tag, -ECANCELED, 0, 0);
	nothing();
	assert_true(armed_for(3 * 1448) == tag);
	data(tag, 1448, 0, 0);
	data(tag, 1448, 0, 1448); /* in the same buffer */
	data(tag, 1448, 1, 2896);
	post(tag, 0, 0, 0);
	nothing();
	assert_true(armed_for(1448) == tag);
	data(tag, 8, 2, 4344); /* shorter ones: more of them than were expected */
	cancelled(tag);
	data(tag, 8, 3, 4352);
	post(tag, -ECANCELED, 0, 0);
	nothing();
	wait = timer();
	assert_int_equal(k->queue.retry_delay.tv_nsec, 4000000);
	post(wait, -ETIME, 0, 0);
	nothing();
	wait = timer();
	assert_int_equal(k->queue.retry_delay.tv_nsec, 8000000);
	/* Others go on. */
	data(other_tag, 100, 9, 0);
	give(9);
	/* Four are out, with two to go. */
	give(0);
	give(1);
	nothing();
	assert_int_equal(k->n_submitted, 0);
	give(0);
	nothing();
	assert_true(armed_for((uint32_t)s->piece) == tag);
	assert_true(s->piece > 8 && s->piece < 1448);
	/* Buffer 3, returned and out again for somebody else, is not this stream's. */
	give(3);
	data(other_tag, 100, 3, 100);
	assert_int_equal(zcrx_stream_set_limit(s, 2), 0);
	cancelled(tag);
	post(tag, -ECANCELED, 0, 0);
	nothing();
	assert_true(armed_for((uint32_t)s->piece) == tag);
	/* Without a limit what is armed need not be cancelled. */
	assert_int_equal(zcrx_stream_set_limit(s, 0), 0);
	post(tag, -ENOSPC, 0, 0);
	nothing();
	assert_true(armed() == tag);
	give(2);
	give(3);
	end(tag, s);
	end(other_tag, other);
}

/* More buffers than there was room to note. */
static void test_limit_of_many(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	tag = start(NULL, &s);
	assert_int_equal(zcrx_stream_set_limit(s, 1000), 0);
	cancelled(tag);
	for (unsigned int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < N - 1; i++)
			data(tag, 1, i, round * (N - 1) + i);
		for (unsigned int i = 0; i < N - 1; i++)
			give(i);
	}
	assert_true(s->n_buffers < 2 * N);
	end(tag, s);
}

static void test_nonsense(void **state)
{
	(void)state;
	assert_int_equal(zcrx_stream_stop(NULL), -EINVAL);
	assert_int_equal(zcrx_stream_pause(NULL), -EINVAL);
	assert_int_equal(zcrx_stream_resume(NULL), -EINVAL);
	assert_int_equal(zcrx_stream_set_limit(NULL, 1), -EINVAL);
	assert_int_equal(zcrx_stream_continue(NULL, 1), -EINVAL);
	assert_int_equal(zcrx_queue_receive_bounded(NULL, 0, 1, NULL, NULL), -EINVAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kernel_setup, kernel_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_stop_armed),
		TEST(test_stop_overtaken),
		TEST(test_stop_without_request),
		TEST(test_pause_and_resume),
		TEST(test_bounded),
		TEST(test_bounded_far),
		TEST(test_limit),
		TEST(test_limit_of_many),
		TEST(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
