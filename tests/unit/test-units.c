/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes and times as text. */
#include <errno.h>

#include "testlib.h"

#include "units.h"

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "4096", 0, 4096 },
		{ "1K", 0, 1024 },
		{ "256M", 0, 256ULL << 20 },
		{ "3G", 0, 3ULL << 30 },
		{ "2T", 0, 2ULL << 40 },
		{ "007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "16777215T", 0, 16777215ULL << 40 },
		{ "16777216T", -ERANGE, 0 },
		{ "99999999999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "M", -EINVAL, 0 },
		{ "1m", -EINVAL, 0 },
		{ "1Ki", 0, 1024 },
		{ "256MiB", 0, 256ULL << 20 },
		{ "1KB", -EINVAL, 0 },
		{ "1Kib", -EINVAL, 0 },
		{ "1KiBB", -EINVAL, 0 },
		{ "1i", -EINVAL, 0 },
		{ "1 K", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1.5G", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 77;

		assert_int_equal(parse_size(cases[i].text, &v), cases[i].r);
		assert_int_equal(v, cases[i].r == 0 ? cases[i].value : 77);
	}
}

static void test_times(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "90", 0, 90000000 },
		{ "30s", 0, 30000000 },
		{ "250ms", 0, 250000 },
		{ "7us", 0, 7 },
		{ "5min", 0, 300000000 },
		{ "1h30min", 0, 5400000000 },
		{ "1d", 0, 86400000000 },
		{ "2w", 0, 1209600000000 },
		{ "1d12h", 0, 129600000000 },
		{ "9223372036854775807us", 0, INT64_MAX },
		{ "9223372036854775808us", -ERANGE, 0 },
		{ "9223372036854775807us 1us", -ERANGE, 0 },
		{ "18446744073709551615", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999d", -ERANGE, 0 },
		/* As systemd writes them. */
		{ "1h 30min", 0, 5400000000 },
		{ "1h 30min ", 0, 5400000000 },
		{ "5m", 0, 300000000 },
		{ "1 h", 0, 3600000000 },
		{ "1day", 0, 86400000000 },
		{ "2days 1hour", 0, 176400000000 },
		{ "90sec", 0, 90000000 },
		{ "10msec", 0, 10000 },
		{ "3usec", 0, 3 },
		{ "3\302\265s", 0, 3 },
		{ "", -EINVAL, 0 },
		{ "h", -EINVAL, 0 },
		{ "1h30", -EINVAL, 0 },
		{ " ", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "1x", -EINVAL, 0 },
		{ "1s5", -EINVAL, 0 },
		{ "1S", -EINVAL, 0 },
		{ "0x5", -EINVAL, 0 },
		{ "1h-1s", -EINVAL, 0 },
		{ "1h\t1s", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "1ho", -EINVAL, 0 },
		{ "1.5h", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 77;

		assert_int_equal(parse_span(cases[i].text, &v), cases[i].r);
		assert_int_equal(v, cases[i].r == 0 ? cases[i].value : 77);
	}
}

static void check_size(uint64_t bytes, const char *expected)
{
	_cleanup_free_ char *text = format_size(bytes);

	assert_string_equal(text, expected);
}

static void test_size_as_text(void **state)
{
	check_size(0, "0");
	check_size(1023, "1023");
	check_size(1024, "1K");
	check_size(64 << 20, "64M");
	check_size(1536 << 10, "1.5M");
	check_size(UINT64_C(1) << 40, "1T");
	check_size(UINT64_MAX, "16383P");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_size_as_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
