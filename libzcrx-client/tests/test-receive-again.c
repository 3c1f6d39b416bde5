/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The data path: what the kernel interrupts is taken up again. */
#include <errno.h>

#include "fake-kernel.h"

/* A full completion queue: armed again once it is drained, and the application never knows. */
static void test_overflow(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	tag = start(NULL, &s);
	for (unsigned int i = 0; i < N - 1; i++)
		post(tag, 1, IORING_CQE_F_MORE, i * LENGTH);
	post(tag, -ENOSPC, 0, 0);
	for (unsigned int i = 0; i < N - 1; i++) {
		assert_int_equal(next()->type, ZCRX_EVENT_DATA);
		assert_int_equal(zcrx_queue_return(&k->queue, k->area + i * LENGTH), 0);
		assert_int_equal(k->n_submitted, 0);
		k->rq_head = k->rq_tail;
	}
	nothing();
	assert_true(armed() == tag);
	assert_int_equal(k->flushes, 0);
	end(tag, s);
}

/* Copying with no buffer left while the refill ring is full of them: flushed, armed again. */
static void test_no_memory_flushes(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	tag = start(NULL, &s);
	for (unsigned int i = 0; i < 4; i++) {
		post(tag, 4096, IORING_CQE_F_MORE, i * LENGTH);
		assert_int_equal(zcrx_queue_return(&k->queue, next()->data), 0);
	}
	assert_int_equal(k->flushes, 0);
	post(tag, -ENOMEM, 0, 0);
	nothing();
	assert_int_equal(k->flushes, 1);
	assert_true(armed() == tag);
	end(tag, s);
}

/* Nobody takes buffers from the refill ring: flushed before anything runs out. */
static void test_flushes_early(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	tag = start(NULL, &s);
	for (unsigned int i = 0; i <= N / 2; i++) {
		nothing();
		assert_int_equal(k->flushes, 0);
		post(tag, 4096, IORING_CQE_F_MORE, i * LENGTH);
		assert_int_equal(zcrx_queue_return(&k->queue, next()->data), 0);
	}
	nothing();
	assert_int_equal(k->flushes, 1);
	end(tag, s);
}

/* The application has every buffer: no busy loop, and on with the first that it returns. */
static void test_starved_by_application(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	tag = start(NULL, &s);
	for (unsigned int i = 0; i < N - 1; i++) {
		post(tag, 4096, IORING_CQE_F_MORE, i * LENGTH);
		next();
	}
	post(tag, -ENOMEM, 0, 0);
	nothing();
	nothing();
	nothing();
	assert_int_equal(k->n_submitted, 1); /* one timer, and no receive */
	assert_int_equal(k->submitted[0].opcode, IORING_OP_TIMEOUT);
	k->n_submitted = 0;
	assert_int_equal(zcrx_queue_return(&k->queue, k->area + 3 * LENGTH), 0);
	nothing();
	assert_true(armed() == tag);
	for (unsigned int i = 0; i < N - 1; i++)
		if (i != 3)
			assert_int_equal(zcrx_queue_return(&k->queue, k->area + i * LENGTH), 0);
	end(tag, s);
}

/* The NIC has every buffer: the timer tries again, and gives up only when nobody can help. */
static void test_starved_by_nic(void **state)
{
	const struct zcrx_event *e;
	struct zcrx_stream *s;
	struct zcrx_span span;
	uint64_t tag;

	(void)state;
	tag = start(NULL, &s);
	for (unsigned int i = 0; i < 256; i++) {
		uint64_t timer;

		post(tag, -ENOMEM, 0, 0);
		nothing();
		assert_int_equal(k->n_submitted, 1);
		assert_int_equal(k->submitted[0].opcode, IORING_OP_TIMEOUT);
		timer = k->submitted[0].user_data;
		k->n_submitted = 0;
		post(timer, -ETIME, 0, 0);
		nothing();
		assert_true(armed() == tag);
	}
	/* While the application has a buffer there is hope. */
	assert_int_equal(zcrx_pool_take(k->pool, &(struct zc_cqe) { .result = 1, .flags = ZC_CQE_F_MORE }, &span), 1);
	post(tag, -ENOMEM, 0, 0);
	nothing();
	assert_int_equal(zcrx_queue_return(&k->queue, span.data), 0);
	k->rq_head = k->rq_tail; /* it goes to the NIC, too */
	k->n_submitted = 0;
	nothing();
	assert_true(armed() == tag);
	post(tag, -ENOMEM, 0, 0);
	e = next();
	assert_int_equal(e->type, ZCRX_EVENT_ERROR);
	assert_int_equal(e->error, -ENOMEM);
	assert_non_null(strstr(e->message, "No free buffer to copy into"));
	zcrx_stream_free(s);
}

/* A kernel that cannot flush is asked once. */
static void test_old_kernel(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag;

	(void)state;
	k->flush_result = -EINVAL;
	tag = start(NULL, &s);
	post(tag, 1, IORING_CQE_F_MORE, 0);
	assert_int_equal(zcrx_queue_return(&k->queue, next()->data), 0);
	post(tag, -ENOMEM, 0, 0);
	nothing();
	assert_true(k->pool->no_flush);
	assert_int_equal(k->n_submitted, 1);
	assert_int_equal(k->submitted[0].opcode, IORING_OP_TIMEOUT);
	k->n_submitted = 0;
	zcrx_stream_free(s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kernel_setup, kernel_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_overflow),
		TEST(test_no_memory_flushes),
		TEST(test_flushes_early),
		TEST(test_starved_by_application),
		TEST(test_starved_by_nic),
		TEST(test_old_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
