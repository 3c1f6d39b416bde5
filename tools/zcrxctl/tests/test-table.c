/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table writer.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "table.h"

static char *write_table(const struct table *t, bool legend, bool colour)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	assert_non_null(f);
	assert_int_equal(table_write(t, f, legend, colour), 0);
	fclose(f);
	return out;
}

static struct table *sample(void)
{
	struct table *t = table_new("NAME", ">SIZE", "NOTE", NULL);

	assert_non_null(t);
	table_add(t, INK_NONE, "%s", "gr\u00fcn");
	table_add(t, INK_NONE, "%d", 5);
	table_add(t, INK_BAD, "%s", "");
	table_take(t, INK_NONE, strdup("b"));
	table_add(t, INK_GOOD, "%d", 12345);
	table_add(t, INK_NONE, "ev\x1bil");
	return t;
}

static void test_columns(void **state)
{
	_cleanup_(table_freep) struct table *t = sample();
	_cleanup_free_ char *with = write_table(t, true, false);
	_cleanup_free_ char *without = write_table(t, false, false);

	assert_string_equal(with, "NAME   SIZE  NOTE\n"
				  "gr\u00fcn      5  -\n"
				  "b     12345  ev\\x1bil\n");
	assert_string_equal(without, "gr\u00fcn      5  -\n"
				     "b     12345  ev\\x1bil\n");
}

static void test_colour(void **state)
{
	_cleanup_(table_freep) struct table *t = sample();
	_cleanup_free_ char *text = write_table(t, false, true);

	assert_string_equal(text, "gr\u00fcn      5  \x1b[1;31m-\x1b[0m\n"
				  "b     \x1b[32m12345\x1b[0m  ev\\x1bil\n");
}

static void test_empty(void **state)
{
	_cleanup_(table_freep) struct table *t = table_new("NAME", NULL);
	_cleanup_free_ char *text = write_table(t, true, false);

	assert_string_equal(text, "");
}

static void test_lost_cell(void **state)
{
	_cleanup_(table_freep) struct table *t = table_new("A", NULL);

	table_take(t, INK_NONE, NULL);
	assert_true(table_write(t, stdout, true, false) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_lost_cell),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
