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

static char *write_table(const struct table *t, const struct style *style)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	assert_non_null(f);
	assert_int_equal(table_write(t, f, style), 0);
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
	_cleanup_free_ char *with = write_table(t, &(const struct style){ .legend = true, .colour = false });
	_cleanup_free_ char *without = write_table(t, &(const struct style){ .legend = false, .colour = false });

	assert_string_equal(with, "NAME   SIZE  NOTE\n"
				  "gr\u00fcn      5  -\n"
				  "b     12345  ev\\x1bil\n");
	assert_string_equal(without, "gr\u00fcn      5  -\n"
				     "b     12345  ev\\x1bil\n");
}

static void test_colour(void **state)
{
	_cleanup_(table_freep) struct table *t = sample();
	_cleanup_free_ char *text = write_table(t, &(const struct style){ .legend = false, .colour = true });

	assert_string_equal(text, "gr\u00fcn      5  \x1b[1;31m-\x1b[0m\n"
				  "b     \x1b[32m12345\x1b[0m  ev\\x1bil\n");
}

/* What is empty in every row says nothing. */
static void test_empty_column(void **state)
{
	_cleanup_(table_freep) struct table *t = table_new("NAME", "NOTE", ">SIZE", NULL);
	_cleanup_free_ char *text = NULL;

	table_add(t, INK_NONE, "a");
	table_add(t, INK_NONE, "%s", "");
	table_add(t, INK_NONE, "1");
	text = write_table(t, &(const struct style){ .legend = true });
	assert_string_equal(text, "NAME  SIZE\n"
				  "a        1\n");
}

static void test_narrow(void **state)
{
	_cleanup_(table_freep) struct table *t = table_new("NAME", "1NOTE", "2>SIZE", "FLOWS", NULL);
	_cleanup_free_ char *all = NULL, *no_size = NULL, *neither = NULL, *cut = NULL, *ascii = NULL;

	table_add(t, INK_NONE, "a");
	table_add(t, INK_NONE, "something");
	table_add(t, INK_NONE, "1234567");
	table_add(t, INK_NONE, "tcp4,dst-port=9999");
	all = write_table(t, &(const struct style){ .legend = true, .utf8 = true, .width = 44 });
	no_size = write_table(t, &(const struct style){ .legend = true, .utf8 = true, .width = 35 });
	neither = write_table(t, &(const struct style){ .legend = true, .utf8 = true, .width = 24 });
	cut = write_table(t, &(const struct style){ .legend = true, .utf8 = true, .width = 12 });
	ascii = write_table(t, &(const struct style){ .legend = true, .width = 12 });
	assert_string_equal(all, "NAME  NOTE          SIZE  FLOWS\n"
				 "a     something  1234567  tcp4,dst-port=9999\n");
	assert_string_equal(no_size, "NAME  NOTE       FLOWS\n"
				     "a     something  tcp4,dst-port=9999\n");
	assert_string_equal(neither, "NAME  FLOWS\n"
				     "a     tcp4,dst-port=9999\n");
	assert_string_equal(cut, "NAME  FLOWS\n"
				 "a     tcp4,…\n");
	assert_string_equal(ascii, "NAME  FLOWS\n"
				   "a     tcp...\n");
}

static void test_empty(void **state)
{
	_cleanup_(table_freep) struct table *t = table_new("NAME", NULL);
	_cleanup_free_ char *text = write_table(t, &(const struct style){ .legend = true, .colour = false });

	assert_string_equal(text, "");
}

static void test_lost_cell(void **state)
{
	_cleanup_(table_freep) struct table *t = table_new("A", NULL);

	table_take(t, INK_NONE, NULL);
	assert_true(table_write(t, stdout, &(const struct style){ .legend = true }) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_empty_column),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_lost_cell),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
