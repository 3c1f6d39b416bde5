/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is counted, by kind: on prepared completions, and a kernel that takes nothing from the refill ring. */
#include <errno.h>

#include "fake-kernel.h"

#define TAG   (UINT64_C(1) << 63 | 4)
#define AGAIN 64U /* spans, after which an event is armed again */

static uint64_t count(enum zcrx_counter which)
{
	uint64_t n = UINT64_MAX;

	assert_int_equal(zcrx_pool_get_counter(k->pool, which, &n), 0);
	return n;
}

static void take_and_return(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct zc_cqe cqe = { .user_data = 1, .result = 1, .flags = ZC_CQE_F_MORE };
		struct zcrx_span span;

		assert_int_equal(zcrx_pool_take(k->pool, &cqe, &span), 1);
		assert_int_equal(zcrx_pool_return(k->pool, span.data), 0);
		k->rq_head = k->rq_tail;
	}
}

static int event(int result)
{
	const struct zc_cqe cqe = { .user_data = TAG, .result = result };

	return zcrx_pool_event(k->pool, &cqe);
}

/* It is told once, and again only when it was armed, which costs a call. */
static void test_a_starved_nic(void **state)
{
	struct zc_stats stats = {};

	(void)state;
	k->pool->stats = &stats;
	k->pool->events = true;
	assert_int_equal(count(ZCRX_COUNTER_STARVED_NIC), 0);
	assert_int_equal(event(0), ZCRX_COUNTER_STARVED_NIC);
	assert_int_equal(count(ZCRX_COUNTER_STARVED_NIC), 1);
	take_and_return(AGAIN - 1);
	assert_int_equal(k->arms, 0);
	take_and_return(1);
	assert_int_equal(k->arms, 1);
	assert_int_equal(k->armed_event, 0);
	take_and_return(3 * AGAIN);
	assert_int_equal(k->arms, 1);
	/* Another thread has received: the one that can arm it comes later. */
	k->arm_result = -EEXIST;
	assert_int_equal(event(0), ZCRX_COUNTER_STARVED_NIC);
	take_and_return(AGAIN);
	assert_int_equal(k->arms, 2);
	k->arm_result = 0;
	take_and_return(AGAIN);
	assert_int_equal(k->arms, 3);
	take_and_return(AGAIN);
	assert_int_equal(k->arms, 3);
	assert_int_equal(count(ZCRX_COUNTER_STARVED_NIC), 2);
	k->pool->stats = NULL;
}

static void test_events_of_other_kinds(void **state)
{
	struct zc_stats stats = { .copy_count = 3, .copy_bytes = 4096 };

	(void)state;
	k->pool->stats = &stats;
	k->pool->events = true;
	assert_int_equal(event(1), ZCRX_COUNTER_COPIED);
	assert_int_equal(event(2), 0);
	assert_int_equal(event(-1), 0);
	take_and_return(AGAIN);
	assert_int_equal(k->arms, 1);
	assert_int_equal(k->armed_event, 1);
	assert_int_equal(count(ZCRX_COUNTER_STARVED_NIC), 0);
	assert_int_equal(count(ZCRX_COUNTER_COPIED), 4096);
	k->pool->stats = NULL;
}

static void test_receives_that_end(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		zcrx_pool_next(k->pool, -ENOSPC);
		zcrx_pool_next(k->pool, 0);
		zcrx_pool_next(k->pool, -EINTR);
		zcrx_pool_next(k->pool, -ECONNRESET);
	}
	zcrx_pool_next(k->pool, -ENOMEM);
	zcrx_pool_next(NULL, -ENOSPC);
	zcrx_pool_next(NULL, -ENOMEM);
	assert_int_equal(count(ZCRX_COUNTER_COMPLETIONS_FULL), 3);
	assert_int_equal(count(ZCRX_COUNTER_STARVED_COPY), 1);
	assert_int_equal(count(ZCRX_COUNTER_REFILL_FULL), 0);
	assert_int_equal(count(ZCRX_COUNTER_STAGED), 0);
}

/* More references than entries: several packets in each buffer. */
static void test_a_full_refill_ring(void **state)
{
	void *data = NULL;

	(void)state;
	for (unsigned int round = 1; round <= 2; round++) {
		for (unsigned int i = 0; i < N + 4; i++) {
			const struct zc_cqe cqe = { .result = 1, .flags = ZC_CQE_F_MORE };
			struct zcrx_span span;

			assert_int_equal(zcrx_pool_take(k->pool, &cqe, &span), 1);
			data = span.data;
		}
		for (unsigned int i = 0; i < N + 4; i++)
			assert_int_equal(zcrx_pool_return(k->pool, data), 0);
		assert_int_equal(count(ZCRX_COUNTER_REFILL_FULL), round);
		k->rq_head = k->rq_tail;
		refill_settle(&k->pool->refill);
		k->rq_head = k->rq_tail;
	}
}

/* The program sees nothing of them. */
static void test_events_of_a_queue(void **state)
{
	struct zc_stats stats = {};
	uint64_t n;

	(void)state;
	k->pool->stats = &stats;
	k->pool->events = true;
	post(TAG, 0, 0, 0);
	post(TAG, 1, 0, 0);
	nothing();
	assert_int_equal(zcrx_queue_get_counter(&k->queue, ZCRX_COUNTER_STARVED_NIC, &n), 0);
	assert_int_equal(n, 1);
	k->pool->stats = NULL;
}

static void test_what_cannot_be_asked(void **state)
{
	const struct zc_cqe cqe = {};
	uint64_t n = 7;

	(void)state;
	assert_int_equal(zcrx_pool_get_counter(NULL, ZCRX_COUNTER_STAGED, &n), -EINVAL);
	assert_int_equal(zcrx_pool_get_counter(k->pool, ZCRX_COUNTER_STAGED, NULL), -EINVAL);
	assert_int_equal(zcrx_queue_get_counter(NULL, ZCRX_COUNTER_STAGED, &n), -EINVAL);
	assert_int_equal(zcrx_pool_get_counter(k->pool, 0, &n), -EINVAL);
	assert_int_equal(zcrx_pool_get_counter(k->pool, 7, &n), -EINVAL);
	/* An older kernel. */
	assert_int_equal(zcrx_pool_get_counter(k->pool, ZCRX_COUNTER_STARVED_NIC, &n), -EOPNOTSUPP);
	assert_int_equal(zcrx_pool_get_counter(k->pool, ZCRX_COUNTER_COPIED, &n), -EOPNOTSUPP);
	assert_int_equal(zcrx_pool_event(NULL, &cqe), -EINVAL);
	assert_int_equal(zcrx_pool_event(k->pool, NULL), -EINVAL);
	assert_int_equal(zcrx_pool_set_events(NULL, 1), -EINVAL);
	assert_int_equal(zcrx_pool_set_events(k->pool, 1), -EBUSY);
	k->pool->registered = false;
	assert_int_equal(zcrx_pool_get_counter(k->pool, ZCRX_COUNTER_STAGED, &n), -EBADFD);
	assert_int_equal(zcrx_pool_event(k->pool, &cqe), -EBADFD);
	assert_int_equal(zcrx_pool_set_events(k->pool, 5), 0);
	assert_int_equal(k->pool->event_user_data, 5);
	k->pool->registered = true;
	assert_int_equal(n, 7);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kernel_setup, kernel_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_starved_nic),
		TEST(test_events_of_other_kinds),
		TEST(test_receives_that_end),
		TEST(test_a_full_refill_ring),
		TEST(test_events_of_a_queue),
		TEST(test_what_cannot_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
