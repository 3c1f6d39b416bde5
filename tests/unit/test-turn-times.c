/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turn-times.h"

/* Each bucket begins where the one before it ends, and the last has no end. */
static void test_every_bucket(void **state)
{
	assert_int_equal(turn_bucket_below(0), 32);
	assert_int_equal(turn_bucket_below(TURN_BUCKETS - 1), UINT64_MAX);
	assert_true(turn_bucket_below(TURN_BUCKETS - 2) > 5 * 1000000);
	for (unsigned i = 0; i < TURN_BUCKETS; i++) {
		struct turn_times t = {};

		turn_times_add(&t, i > 0 ? turn_bucket_below(i - 1) : 0, 1);
		turn_times_add(&t, turn_bucket_below(i) - 1, 2);
		for (unsigned k = 0; k < TURN_BUCKETS; k++)
			assert_int_equal(t.buckets[k], k == i ? 2 : 0);
		assert_int_equal(t.turns, 2);
	}
}

static void test_longest(void **state)
{
	struct turn_times t = {};

	turn_times_add(&t, 100, 1000);
	turn_times_add(&t, 100, 2000); /* no longer than the first */
	turn_times_add(&t, 99, 3000);
	assert_int_equal(t.longest_usec, 100);
	assert_int_equal(t.longest_at_usec, 1000);
	turn_times_add(&t, 101, 4000);
	assert_int_equal(t.longest_usec, 101);
	assert_int_equal(t.longest_at_usec, 4000);
	assert_int_equal(t.turns, 4);
}

static void test_budget(void **state)
{
	struct turn_times t = {};

	turn_times_add(&t, TURN_BUDGET_USEC, 1);
	assert_int_equal(t.over_budget, 0);
	turn_times_add(&t, TURN_BUDGET_USEC + 1, 2);
	turn_times_add(&t, UINT64_MAX, 3);
	assert_int_equal(t.over_budget, 2);
	assert_int_equal(t.buckets[TURN_BUCKETS - 1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bucket),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
