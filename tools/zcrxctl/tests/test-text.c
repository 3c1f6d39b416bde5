/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values to text and back.
 */
#include <errno.h>
#include <locale.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "macro.h"
#include "text.h"

static void check_string(char *got, const char *expected)
{
	assert_non_null(got);
	assert_string_equal(got, expected);
	free(got);
}

static void test_escape(void **state)
{
	check_string(text_escape("plain"), "plain");
	check_string(text_escape("\x1b[31mred\x07"), "\\x1b[31mred\\x07");
	check_string(text_escape("two\nlines\tand\r"), "two\\nlines\\tand\\x0d");
	check_string(text_escape("gr\u00fc\u00dfe \u4e2d"), "gr\u00fc\u00dfe \u4e2d");
	check_string(text_escape("\u202eevil\u2066"), "\\u202eevil\\u2066");
	check_string(text_escape("\xc2\x85\u200b\ufeff"), "\\u0085\\u200b\\ufeff");
	/* Invalid: a stray byte, a cut sequence, an overlong one, a surrogate, beyond Unicode. */
	check_string(text_escape("\xff"), "\\xff");
	check_string(text_escape("a\xe4\xb8"), "a\\xe4\\xb8");
	check_string(text_escape("\xc0\xaf"), "\\xc0\\xaf");
	check_string(text_escape("\xed\xa0\x80"), "\\xed\\xa0\\x80");
	check_string(text_escape("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

static void test_width(void **state)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("gr\u00fc\u00dfe"), 5);
	assert_int_equal(text_width("\u4e2d"), 2);
	assert_int_equal(text_width("e\u0301"), 1);
	assert_int_equal(text_width("\xff"), 1);
}

static void check_wrap(const char *s, size_t indent, size_t width, const char *expected)
{
	_cleanup_free_ char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	assert_non_null(f);
	text_wrap(f, s, indent, width);
	fclose(f);
	assert_string_equal(out, expected);
}

static void test_wrap(void **state)
{
	check_wrap("one two three", 0, 80, "one two three\n");
	check_wrap("one two three", 2, 9, "one two\n  three\n");
	check_wrap("one two three", 2, 8, "one\n  two\n  three\n");
	check_wrap("  blanks   shrink ", 0, 80, "blanks shrink\n");
	check_wrap("a-word-that-does-not-fit x", 1, 8, "a-word-that-does-not-fit\n x\n");
	check_wrap("", 4, 80, "\n");
}

static void test_span(void **state)
{
	static const struct {
		uint64_t usec;
		const char *text;
	} cases[] = {
		{ 0, "0s" },
		{ 999, "0s" },
		{ 1000, "1ms" },
		{ 1500000, "1s" },
		{ 59 * USEC_PER_SEC, "59s" },
		{ 61 * USEC_PER_SEC, "1min 1s" },
		{ 90 * USEC_PER_MIN, "1h 30min" },
		{ USEC_PER_HOUR + 5 * USEC_PER_SEC, "1h" },
		{ 9 * USEC_PER_DAY, "9d" },
		{ 9 * USEC_PER_DAY + 3 * USEC_PER_HOUR + USEC_PER_MIN, "9d 3h" },
		{ UINT64_MAX, "213503982d 8h" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_string(text_span(cases[i].usec), cases[i].text);
}

static void test_time(void **state)
{
	(void)state; /* the test runs with TZ=UTC */
	check_string(text_time(0), "1970-01-01 00:00:00");
	check_string(text_time(UINT64_C(1795223403123456)), "2026-11-21 01:10:03");
	check_string(text_time(UINT64_MAX), "586524-01-19 08:01:49");
}

static void test_ellipsize(void **state)
{
	check_string(text_ellipsize("interface", 9, true), "interface");
	check_string(text_ellipsize("interface", 8, true), "interfa…");
	check_string(text_ellipsize("interface", 8, false), "inter...");
	check_string(text_ellipsize("grün", 3, true), "gr…");
	check_string(text_ellipsize("interface", 2, false), "in");
	check_string(text_ellipsize("interface", 0, true), "");
}

static void test_distance(void **state)
{
	assert_int_equal(text_distance("status", "status"), 0);
	assert_int_equal(text_distance("statsu", "status"), 1);
	assert_int_equal(text_distance("relase", "release"), 1);
	assert_int_equal(text_distance("leasess", "leases"), 1);
	assert_int_equal(text_distance("", "plan"), 4);
	assert_int_equal(text_distance("lan", "plan"), 1);
	assert_true(text_distance("a word of which no command can have been meant", "plan") == SIZE_MAX);
}

static void test_parse_number(void **state)
{
	uint64_t n = 42;

	assert_int_equal(parse_number("", 0, 9, &n), -EINVAL);
	assert_int_equal(parse_number("1a", 0, 9, &n), -EINVAL);
	assert_int_equal(parse_number("-1", 0, 9, &n), -EINVAL);
	assert_int_equal(parse_number(" 1", 0, 9, &n), -EINVAL);
	assert_int_equal(parse_number("0", 1, 9, &n), -ERANGE);
	assert_int_equal(parse_number("10", 1, 9, &n), -ERANGE);
	assert_int_equal(parse_number("18446744073709551616", 0, UINT64_MAX, &n), -ERANGE);
	assert_int_equal(n, 42); /* written only on success */
	assert_int_equal(parse_number("9", 1, 9, &n), 0);
	assert_int_equal(n, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),	   cmocka_unit_test(test_width),
		cmocka_unit_test(test_wrap),	   cmocka_unit_test(test_span),
			   cmocka_unit_test(test_time),
		cmocka_unit_test(test_parse_number), cmocka_unit_test(test_ellipsize),
		cmocka_unit_test(test_distance),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
