/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Payload that lies side by side as one event, and how all of it is returned and held. */
#include <errno.h>

#include "fake-kernel.h"

#define MORE IORING_CQE_F_MORE

static int setup(void **state)
{
	kernel_setup(state);
	k->queue.join = true;
	return 0;
}

static const struct zcrx_event *next_data(uint64_t off, size_t length)
{
	const struct zcrx_event *e = next();

	assert_int_equal(e->type, ZCRX_EVENT_DATA);
	assert_ptr_equal(e->data, k->area + off);
	assert_int_equal(e->length, length);
	return e;
}

static void give(uint64_t off)
{
	assert_int_equal(zcrx_queue_return(&k->queue, k->area + off), 0);
}

/* What was put on the refill ring since. */
static void assert_returned(unsigned int n, const unsigned int *buffers)
{
	assert_int_equal(k->rq_tail - k->rq_head, n);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(k->rqes[k->rq_head++ & (N - 1)].off, buffers[i] * LENGTH);
}

#define RETURNED(...)                                                                              \
	assert_returned(sizeof((unsigned int[]) { __VA_ARGS__ }) / sizeof(unsigned int),           \
			(unsigned int[]) { __VA_ARGS__ })
#define NOTHING_RETURNED() assert_int_equal(k->rq_tail, k->rq_head)

static void test_over_several_buffers(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag = start(NULL, &s);

	(void)state;
	post(tag, LENGTH, MORE, 3 * LENGTH);
	post(tag, LENGTH, MORE, 4 * LENGTH);
	post(tag, 100, MORE, 5 * LENGTH);
	post(tag, 50, MORE, 5 * LENGTH + 200); /* a gap */
	post(tag, 7, MORE, 6 * LENGTH);
	next_data(3 * LENGTH, 2 * LENGTH + 100);
	assert_int_equal(zcrx_queue_get_received(&k->queue), 2 * LENGTH + 100);
	assert_int_equal(next_data(5 * LENGTH + 200, 50)->offset, 2 * LENGTH + 100);
	assert_int_equal(next_data(6 * LENGTH, 7)->offset, 2 * LENGTH + 150);
	assert_int_equal(pool_spans_out(k->pool), 5);
	give(3 * LENGTH);
	RETURNED(3, 4, 5);
	/* The other one in that buffer is another's. */
	give(5 * LENGTH + 200);
	RETURNED(5);
	give(6 * LENGTH + 6);
	RETURNED(6);
	assert_int_equal(zcrx_queue_return(&k->queue, k->area + 3 * LENGTH), -EINVAL);
	NOTHING_RETURNED();
	assert_int_equal(pool_spans_out(k->pool), 0);
	end(tag, s);
}

/* The kernel counts one use of a buffer for each piece; those that are joined are one. */
static void test_within_one_buffer(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag = start(NULL, &s);

	(void)state;
	post(tag, 1000, MORE, 2 * LENGTH + 96);
	post(tag, 1000, MORE, 2 * LENGTH + 1096);
	post(tag, 2000, MORE, 2 * LENGTH + 2096);
	post(tag, 500, MORE, 3 * LENGTH);
	post(tag, 500, MORE, 3 * LENGTH + 500);
	next_data(2 * LENGTH + 96, 5000);
	nothing();
	RETURNED(2, 2, 3);
	assert_int_equal(pool_spans_out(k->pool), 2);
	give(2 * LENGTH + 96);
	RETURNED(2, 3);
	assert_int_equal(pool_spans_out(k->pool), 0);
	end(tag, s);
}

static void test_not_across_streams_or_ends(void **state)
{
	struct zcrx_stream *a, *b;
	uint64_t one = start(NULL, &a), other = start(NULL, &b);

	(void)state;
	post(one, LENGTH, MORE, 0);
	post(other, LENGTH, MORE, 1 * LENGTH);
	post(one, LENGTH, MORE, 2 * LENGTH);
	post(one, -ENOSPC, 0, 3 * LENGTH);
	next_data(0, LENGTH);
	next_data(1 * LENGTH, LENGTH);
	next_data(2 * LENGTH, LENGTH);
	nothing();
	assert_int_equal(armed(), one);
	/* Beyond the area there is nothing, whatever the kernel says. */
	post(one, LENGTH, MORE, (N - 1) * LENGTH);
	post(one, LENGTH, MORE, N * LENGTH);
	next_data((N - 1) * LENGTH, LENGTH);
	nothing();
	assert_int_equal(k->submitted[--k->n_submitted].opcode, IORING_OP_ASYNC_CANCEL);
	post(one, -ECANCELED, 0, 0);
	assert_int_equal(next()->error, -EBADMSG);
	zcrx_stream_free(a);
	give(0);
	give(1 * LENGTH);
	give(2 * LENGTH);
	give((N - 1) * LENGTH);
	RETURNED(0, 1, 2, N - 1);
	end(other, b);
}

/* A buffer that has come back and is used otherwise has nothing of what it was the beginning of. */
static void test_buffers_are_used_again(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag = start(NULL, &s);

	(void)state;
	post(tag, LENGTH - 1000, MORE, 1000);
	post(tag, LENGTH, MORE, LENGTH);
	next_data(1000, 2 * LENGTH - 1000);
	give(1000);
	RETURNED(0, 1);

	post(tag, 500, MORE, 0);
	next_data(0, 500);
	post(tag, LENGTH, MORE, LENGTH);
	next_data(LENGTH, LENGTH);
	post(tag, 500, MORE, 1000);
	next_data(1000, 500);
	give(1000);
	RETURNED(0);
	give(0);
	RETURNED(0);
	assert_int_equal(pool_spans_out(k->pool), 1);
	give(LENGTH);
	RETURNED(1);
	end(tag, s);
}

static void test_hold(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag = start(NULL, &s);

	(void)state;
	post(tag, LENGTH, MORE, 0);
	post(tag, LENGTH, MORE, LENGTH);
	next_data(0, 2 * LENGTH);
	assert_int_equal(zcrx_pool_hold(k->pool, k->area), 0);
	assert_int_equal(pool_spans_out(k->pool), 4);
	give(0);
	NOTHING_RETURNED();
	/* The event goes; the other's reference keeps all of it. */
	assert_int_equal(zcrx_pool_return_offset(k->pool, 0), 0);
	RETURNED(0, 1);
	assert_int_equal(zcrx_pool_return_offset(k->pool, 0), -EINVAL);
	assert_int_equal(zcrx_pool_hold(k->pool, k->area), -EINVAL);
	assert_int_equal(pool_spans_out(k->pool), 0);
	end(tag, s);
}

/* Nobody has one more than there can be; and what was held of the others already is given up again.
 */
static void test_hold_too_often(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag = start(NULL, &s);

	(void)state;
	post(tag, LENGTH, MORE, 0);
	post(tag, LENGTH, MORE, LENGTH);
	next_data(0, 2 * LENGTH);
	k->pool->refill.buffers[1].held += (uint64_t)UINT32_MAX << 32;
	assert_int_equal(zcrx_pool_hold(k->pool, k->area), -EOVERFLOW);
	k->pool->refill.buffers[1].held -= (uint64_t)UINT32_MAX << 32;
	assert_int_equal(pool_spans_out(k->pool), 2);
	give(0);
	RETURNED(0, 1);
	end(tag, s);
}

/* The limit of a stream is of buffers, not of events. */
static void test_limit(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag = start(NULL, &s);

	(void)state;
	assert_int_equal(zcrx_stream_set_limit(s, 3), 0);
	post(tag, -ECANCELED, 0, 0);
	nothing();
	k->n_submitted = 0;
	for (unsigned int i = 0; i < 3; i++)
		post(tag, LENGTH, MORE, i * LENGTH);
	next_data(0, 3 * LENGTH);
	assert_int_equal(k->n_submitted, 1);
	assert_int_equal(k->submitted[--k->n_submitted].opcode, IORING_OP_ASYNC_CANCEL);
	post(tag, -ECANCELED, 0, 0);
	nothing();
	assert_int_equal(k->n_submitted, 1);
	assert_int_equal(k->submitted[--k->n_submitted].opcode, IORING_OP_TIMEOUT);
	give(0);
	RETURNED(0, 1, 2);
	nothing();
	assert_int_equal(k->n_submitted, 1);
	assert_int_equal(k->submitted[--k->n_submitted].user_data, tag);
	end(tag, s);
}

static void test_only_if_wanted(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag = start(NULL, &s);

	(void)state;
	assert_int_equal(zcrx_queue_set_join(&k->queue, 1), -EBUSY);
	k->queue.registered = false;
	assert_int_equal(zcrx_queue_set_join(&k->queue, 0), 0);
	k->queue.registered = true;
	assert_int_equal(zcrx_queue_set_join(NULL, 0), -EINVAL);
	post(tag, LENGTH, MORE, 0);
	post(tag, LENGTH, MORE, LENGTH);
	next_data(0, LENGTH);
	next_data(LENGTH, LENGTH);
	give(0);
	RETURNED(0);
	give(LENGTH);
	RETURNED(1);
	end(tag, s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kernel_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_over_several_buffers),
		TEST(test_within_one_buffer),
		TEST(test_not_across_streams_or_ends),
		TEST(test_buffers_are_used_again),
		TEST(test_hold),
		TEST(test_hold_too_often),
		TEST(test_limit),
		TEST(test_only_if_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
