/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is made of a queue's counters: short of buffers, dry, or neither.
 */
#include "testlib.h"

#include "supply.h"

#define AREA	(UINT64_C(16) << 20)
#define RESERVE (UINT64_C(256) << 10)

/* Its counters as they are at each look, one after the other. */
struct look {
	uint64_t packets, failures, in_use;
};

static struct supply after(const struct look *looks, size_t n)
{
	struct supply s = {};

	for (size_t i = 0; i < n; i++)
		supply_note(&s, &(struct nic_queue){ .has_counters = true, .packets = looks[i].packets,
						     .has_failures = true, .failures = looks[i].failures,
						     .has_pool = true, .pool_bytes = looks[i].in_use });
	return s;
}

#define AFTER(...)                                                                                 \
	after((const struct look[]){ __VA_ARGS__ }, ARRAY_SIZE(((const struct look[]){ __VA_ARGS__ })))

static void test_one_burst_is_not_short_and_two_are(void **state)
{
	struct supply s = AFTER({ 1, 100, 0 }, { 5000, 101, 0 }, { 9000, 101, 0 });

	assert_false(supply_is_short(&s));
	assert_int_equal(s.missed, 1);
	s = AFTER({ 1, 100, 0 }, { 5000, 101, 0 }, { 9000, 103, 0 });
	assert_true(supply_is_short(&s));
	assert_int_equal(s.missed, 3);
}

static void test_counters_that_start_anew_count_nothing(void **state)
{
	struct supply s = AFTER({ 1, 100, 0 }, { 0, 0, 0 }, { 1, 5, 0 });

	assert_int_equal(s.missed, 5);
	assert_int_equal(s.rises, 1);
}

static void test_what_the_driver_does_not_count_says_nothing(void **state)
{
	struct supply s = {};

	supply_note(&s, &(struct nic_queue){ .has_counters = true, .failures = 7 });
	assert_false(s.known);
	assert_false(supply_is_dry(&s, AREA, RESERVE));
}

static void test_dry(void **state)
{
	struct supply s;

	/* All of the area is out, and what comes finds nothing. */
	s = AFTER({ 9000, 0, AREA }, { 9002, 4, AREA }, { 9002, 4, AREA });
	assert_true(supply_is_dry(&s, AREA, RESERVE));
	assert_false(supply_is_dry(&s, AREA, 0)); /* a driver that does not care */
	assert_false(supply_is_dry(&s, 2 * AREA, RESERVE));
	s = AFTER({ 9000, 0, AREA - RESERVE + 1 }, { 9002, 4, AREA - RESERVE + 1 });
	assert_true(supply_is_dry(&s, AREA, RESERVE));
	s = AFTER({ 9000, 0, AREA - RESERVE }, { 9002, 4, AREA - RESERVE });
	assert_false(supply_is_dry(&s, AREA, RESERVE));
}

/* All of it was given out once, and comes back by the refill ring, which nobody sees. */
static void test_a_queue_that_receives_is_not_dry(void **state)
{
	struct supply s = AFTER({ 9000, 0, AREA }, { 9002, 4, AREA }, { 9400, 4, AREA });

	assert_false(supply_is_dry(&s, AREA, RESERVE));
	/* Overloaded, but it goes on. */
	s = AFTER({ 9000, 0, AREA }, { 90000, 400, AREA });
	assert_false(supply_is_dry(&s, AREA, RESERVE));
	s = AFTER({ 9000, 0, AREA });
	assert_false(supply_is_dry(&s, AREA, RESERVE));
}

static void test_words(void **state)
{
	const struct nic_demand demand = { .ring = 4096, .least = 8192, .recommended = 16384 };
	const struct supply s = { .missed = 7 };
	char *text;

	assert_int_equal(supply_format(&s, 6, 8192, &demand, &text), 0);
	take_and_compare(text, "7 packets for queue 6 found no buffer in its area of 8192 bytes. The area is too "
			       "small: the driver keeps 4096 bytes of it in its ring; better are 16384.");
	assert_int_equal(supply_format(&s, 6, 16384, &demand, &text), 0);
	take_and_compare(text, "7 packets for queue 6 found no buffer in its area of 16384 bytes. The program "
			       "returns buffers too late, or needs a larger area.");
}

static void test_news(void **state)
{
	const struct nic_queue before = { .has_counters = true, .packets = 9, .has_failures = true, .failures = 3,
					  .has_pool = true, .pool_bytes = 7, .napi_id = 5 };
	struct nic_queue now = before;

	assert_false(supply_is_news(&before, &now));
	now.packets = 1000; /* it receives */
	now.pool_bytes = 1000;
	now.napi_id = 0; /* not told at the moment */
	assert_false(supply_is_news(&before, &now));
	now.failures++;
	assert_true(supply_is_news(&before, &now));
	now = before;
	now.failures--; /* it counts anew */
	assert_true(supply_is_news(&before, &now));
	now = before;
	now.napi_id++;
	assert_true(supply_is_news(&before, &now));
	now = before;
	now.has_failures = false;
	assert_true(supply_is_news(&before, &now));
	now = before;
	now.has_counters = false;
	assert_true(supply_is_news(&before, &now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_burst_is_not_short_and_two_are),
		cmocka_unit_test(test_counters_that_start_anew_count_nothing),
		cmocka_unit_test(test_what_the_driver_does_not_count_says_nothing),
		cmocka_unit_test(test_dry),
		cmocka_unit_test(test_a_queue_that_receives_is_not_dry),
		cmocka_unit_test(test_news),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
