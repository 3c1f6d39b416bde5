/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Control groups, and patterns for them. */
#include "testlib.h"

#include "control-group.h"

static void test_patterns(void **state)
{
	static const char *const good[] = { "/a", "/machine.slice/*", "/a/b/c", "/...", "/.a", "/system-x\\x2dy.slice" };
	static const char *const bad[] = { "", "a", "a/b", "/", "//", "/a/", "/a//b", "/.", "/..", "/a/../b", "/a/." };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(control_group_is_pattern(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (control_group_is_pattern(bad[i]))
			fail_msg("%s is one", bad[i]);
}

static void test_which_is_in_which(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool in;
	} rows[] = {
		{ "/machine.slice", "/machine.slice", true },
		{ "/machine.slice", "/machine.slice/libpod-1.scope/container", true },
		{ "/machine.slice", "/machine.slices", false },
		{ "/machine.slice", "/", false },
		{ "/machine.slice", "", false },
		{ "/machine.slice/*", "/machine.slice", false },
		{ "/machine.slice/*", "/machine.slice/", false },
		{ "/machine.slice/*", "/machine.slice/libpod-1.scope", true },
		{ "/machine.slice/*", "/machine.slice/libpod-1.scope/a/b", true },
		{ "/machine.slice/libpod-*", "/machine.slice/docker-1.scope", false },
		{ "/kubepods.slice/*/cri-[12].scope", "/kubepods.slice/pod/cri-2.scope", true },
		{ "/kubepods.slice/*/cri-[12].scope", "/kubepods.slice/pod/cri-3.scope", false },
		/* Whoever makes groups below his own makes none of another's. */
		{ "/*/machine.slice", "/user.slice/user-1000.slice/machine.slice", false },
		{ "/machine.slice", "/user.slice/machine.slice", false },
		{ "/machine.slice", "/../machine.slice", false },
		{ "/user.slice/*", "/user.slice/x\xff\xfe", true },
		{ "/system-x\\x2dy.slice", "/system-x\\x2dy.slice/a.service", true },
		{ "/system-*\\x2dy.slice", "/system-a\\x2dy.slice", true },
		{ "/a/b", "/a", false },
		{ "/[", "/[", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (control_group_is_in(rows[i].path, rows[i].pattern) != rows[i].in)
			fail_msg("%s in %s: not %d", rows[i].path, rows[i].pattern, rows[i].in);
}

static void test_what_the_kernel_says(void **state)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "0::/machine.slice/a.scope\n", "/machine.slice/a.scope" },
		{ "0::/\n", "/" },
		{ "12:cpuset:/a\n1:name=systemd:/b\n0::/c\n", "/c" },
		{ "12:cpuset:/a\n1:name=systemd:/b\n", NULL }, /* none but the older hierarchies */
		{ "10::/a\n", NULL },
		{ "1:name=0::/x:/b\n0::/c", "/c" },
		{ "0::a\n", NULL },
		{ "0::", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *path = NULL;

		assert_int_equal(control_group_parse(rows[i].text, &path), 0);
		if (rows[i].path)
			assert_string_equal(path, rows[i].path);
		else
			assert_null(path);
	}
}

static void test_what_is_shown_is_text(void **state)
{
	_cleanup_free_ char *shown = NULL;

	assert_int_equal(control_group_show("/a b/\x1b[2J\xff\xfe", &shown), 0);
	assert_string_equal(shown, "/a b/?[2J??");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_which_is_in_which),
		cmocka_unit_test(test_what_the_kernel_says),
		cmocka_unit_test(test_what_is_shown_is_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
