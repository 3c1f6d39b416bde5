/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of CPUs from text. */
#include <errno.h>

#include "testlib.h"

#include "cpus.h"

static void test_lists(void **state)
{
	static const struct {
		const char *text;
		unsigned long first_word;
	} good[] = {
		{ "0", 1 }, { "0-3,8", 0x10f }, { "3,1,1-2", 0xe }, { "007", 0x80 }, { "5-5", 0x20 },
	};
	static const char *const bad[] = {
		"", "-", "1-", "-1", ",1", "1,", "1,,2", "3-1", " 1", "1 ", "1\n", "all", "0-8:1/2", "0x1",
	};
	static const char *const beyond[] = { "8192", "0-8192", "4294967296", "18446744073709551617" };
	struct cpus cpus;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(cpus_parse(good[i].text, &cpus), 0);
		assert_int_equal(cpus.words[0], good[i].first_word);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(cpus_parse(bad[i], &cpus), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(beyond); i++)
		assert_int_equal(cpus_parse(beyond[i], &cpus), -ERANGE);
}

static void test_subsets(void **state)
{
	struct cpus all, some;

	assert_int_equal(cpus_parse("0-3,8191", &all), 0);
	assert_int_equal(cpus_parse("2,8191", &some), 0);
	assert_true(cpus_contain(&all, &some));
	assert_true(cpus_contain(&all, &all));
	assert_false(cpus_contain(&some, &all));
	assert_int_equal(cpus_parse("64", &some), 0);
	assert_false(cpus_contain(&all, &some));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_subsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
