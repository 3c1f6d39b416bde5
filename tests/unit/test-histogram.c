/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"

static uint64_t bound(unsigned i)
{
	return (uint64_t)(strtod(histogram_bound(i), NULL) * 1e6 + 0.5);
}

/* As "le" says. */
static void test_a_bound_belongs_to_its_bucket(void **state)
{
	for (unsigned i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
		struct histogram h = {};

		histogram_add(&h, bound(i));
		histogram_add(&h, bound(i) + 1);
		for (unsigned k = 0; k < HISTOGRAM_BUCKETS; k++)
			assert_int_equal(histogram_below(&h, k), k < i ? 0 : k == i ? 1 : 2);
		assert_int_equal(h.sum_usec, 2 * bound(i) + 1);
	}
}

static void test_the_last_bucket_has_all(void **state)
{
	struct histogram h = {};

	histogram_add(&h, 0);
	histogram_add(&h, UINT64_MAX - 1);
	assert_string_equal(histogram_bound(HISTOGRAM_BUCKETS - 1), "+Inf");
	assert_int_equal(histogram_below(&h, 0), 1);
	assert_int_equal(histogram_below(&h, HISTOGRAM_BUCKETS - 2), 1);
	assert_int_equal(histogram_below(&h, HISTOGRAM_BUCKETS - 1), 2);
}

static void test_bounds_rise(void **state)
{
	for (unsigned i = 1; i + 1 < HISTOGRAM_BUCKETS; i++)
		assert_true(bound(i) > bound(i - 1));
	assert_non_null(strchr(histogram_bound(8), '.')); /* OpenMetrics: "1.0", not "1" */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_bound_belongs_to_its_bucket),
		cmocka_unit_test(test_the_last_bucket_has_all),
		cmocka_unit_test(test_bounds_rise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
