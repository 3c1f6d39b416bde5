/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Figures have three digits that say something, whatever their size; percentiles; requests; bars. */
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "chart.h"
#include "figures.h"
#include "macro.h"
#include "request.h"

static void test_rates_have_three_digits(void **state)
{
	static const struct {
		double bytes;
		const char *text;
	} table[] = {
		{ 0, "0.00 Gbit/s" },
		{ 125, "0.000001 Gbit/s" },
		{ 10.2 * (1 << 20), "0.0856 Gbit/s" },
		{ 124.9e6, "0.999 Gbit/s" },
		{ 125e6, "1.00 Gbit/s" },
		{ 3e9, "24.0 Gbit/s" },
		{ 12.49e9, "99.9 Gbit/s" },
		{ 12.5e9, "100 Gbit/s" },
		{ 50e9, "400 Gbit/s" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_string_equal(text_rate(table[i].bytes).text, table[i].text);
	assert_string_equal(text_gigabits(3e9).text, "24.0");
}

static void test_sizes_are_decimal(void **state)
{
	assert_string_equal(text_bytes(0).text, "0 B");
	assert_string_equal(text_bytes(999).text, "999 B");
	assert_string_equal(text_bytes(1000).text, "1.00 kB");
	assert_string_equal(text_bytes(12345678).text, "12.3 MB");
	assert_string_equal(text_bytes(999600000).text, "1.00 GB");
	assert_string_equal(text_bytes(UINT64_MAX).text, "18.4 EB");
}

static void test_percentiles(void **state)
{
	uint64_t values[200], one = 7;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		values[i] = ARRAY_SIZE(values) - i; /* 200 to 1 */
	assert_int_equal(percentile(values, 200, 0.5), 100);
	assert_int_equal(percentile(values, 200, 0.99), 198);
	assert_int_equal(percentile(values, 200, 1), 200);
	assert_int_equal(percentile(&one, 1, 0.5), 7);
	assert_int_equal(percentile(&one, 1, 0.99), 7);
	assert_int_equal(percentile(&one, 0, 0.5), 0);
}

static void test_requests_are_taken_exactly(void **state)
{
	uint8_t bytes[REQUEST_SIZE];
	enum request_kind kind;
	uint64_t value;

	request_pack(REQUEST_BYTES, 4097, bytes);
	assert_int_equal(request_unpack(bytes, &kind, &value), 0);
	assert_int_equal(kind, REQUEST_BYTES);
	assert_int_equal(value, 4097);
	for (size_t i = 0; i < 8; i++) { /* magic and kind */
		bytes[i] ^= 0x40;
		assert_int_equal(request_unpack(bytes, &kind, &value), -EPROTO);
		bytes[i] ^= 0x40;
	}
	request_pack(REQUEST_CONNECTIONS, CONNECTIONS_MAX + 1, bytes);
	assert_int_equal(request_unpack(bytes, &kind, &value), -EPROTO);
	request_pack(REQUEST_BYTES, BYTES_MAX + 1, bytes);
	assert_int_equal(request_unpack(bytes, &kind, &value), -EPROTO);
	request_pack(REQUEST_BYTES, 0, bytes);
	assert_int_equal(request_unpack(bytes, &kind, &value), -EPROTO);
}

static char *draw(const struct chart *chart)
{
	const struct bar bars[] = { { .label = "recv", .value = "1.00", .length = 1 },
				    { .label = "read", .value = "1.50", .length = 1, .rest = 0.5 },
				    { .label = "zero-copy", .value = "4.00", .length = 4, .marked = true },
				    { .label = "copy", .value = "0.00", .length = 0 } };
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	chart_draw(chart, f, "Title", bars, ARRAY_SIZE(bars));
	fclose(f);
	return text;
}

static void test_the_longest_bar_ends_at_the_edge(void **state)
{
	const struct chart ascii = { .width = 25 + 8 }, utf8 = { .width = 25 + 10, .utf8 = true };
	_cleanup_free_ char *a = draw(&ascii), *u = draw(&utf8);

	assert_string_equal(a, "\nTitle\n"
			       "  recv              1.00 ##\n"
			       "  read              1.50 ##-\n"
			       "  zero-copy         4.00 ########\n"
			       "  copy              0.00 \n");
	assert_string_equal(u, "\nTitle\n"
			       "  recv              1.00 ██▌\n"
			       "  read              1.50 ███▒\n"
			       "  zero-copy         4.00 ██████████\n"
			       "  copy              0.00 \n");
}

static void test_no_bars_without_room_and_no_colour_unless_wanted(void **state)
{
	const struct chart narrow = { .width = 30 }, none = {}, colour = { .width = 40, .colour = true };
	_cleanup_free_ char *a = draw(&narrow), *b = draw(&none), *c = draw(&colour);

	assert_string_equal(a, "");
	assert_string_equal(b, "");
	assert_non_null(strstr(c, "\033[32m###############\033[0m\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates_have_three_digits),
		cmocka_unit_test(test_sizes_are_decimal),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_requests_are_taken_exactly),
		cmocka_unit_test(test_the_longest_bar_ends_at_the_edge),
		cmocka_unit_test(test_no_bars_without_room_and_no_colour_unless_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
