/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The baseline of an interface on disk.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>

#include "restoring.h"

static void test_nothing_changes_if_the_baseline_cannot_be_saved(void **state)
{
	_cleanup_free_ char *path = NULL;

	daemon_prepare(&d, NULL);
	assert_true(asprintf(&path, "%s/found-%d.new", d.directory, SIM0) > 0);
	assert_int_equal(mkdir(path, 0700), 0);
	daemon_run(&d);
	admin = daemon_connect(&d);
	expect_as_found();
	assert_non_null(strstr(text_of(interface(), "reason"), "save the baseline"));
	assert_int_equal(rmdir(path), 0);
	assert_null(call(admin, "Apply", NULL, "{}"));
	expect_configured();
	stop();
}

static void test_damage(void **state)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	struct baseline o;

	daemon_prepare(&d, NULL);
	assert_int_equal(baseline_path(d.directory, SIM0, &path), 0);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs("zcrxd-found 1 torn", f) > 0);
	assert_int_equal(fflush(f), 0);
	daemon_run(&d);
	admin = daemon_connect(&d);
	expect_configured();
	o = noted();
	assert_true(o.found);
	baseline_done(&o);
	stop();
}

static void check_stranger(const char *path, unsigned ifindex, const char *driver)
{
	_cleanup_free_ char *set_aside = NULL;
	struct baseline o;

	assert_int_equal(baseline_read(path, ifindex, driver, &o, &set_aside, NULL), 0);
	assert_null(set_aside);
	assert_true(!o.found && !o.rollback && !o.unmanaged);
}

/* It is this device's, or nobody's. */
static void test_identity(void **state)
{
	_cleanup_free_ char *path = NULL;

	start();
	assert_int_equal(baseline_path(d.directory, SIM0, &path), 0);
	check_stranger(path, SIM0 + 1, "simulated");
	check_stranger(path, SIM0, "another");
	check_stranger("/nonexistent/file", SIM0, "simulated");
	stop();
}

/* An older zcrxd kept the sentence that it told people. */
static void test_why_it_is_held(void **state)
{
	static const struct {
		const char *text;
		enum unmanaged_reason unmanaged;
	} cases[] = {
		{ "It was put back as it was found. To configure it again: zcrxctl apply eth0",
		  UNMANAGED_RESTORED },
		{ "What was applied was not confirmed in time, and was put back. To try again: "
		  "zcrxctl apply eth0",
		  UNMANAGED_UNCONFIRMED },
		{ "restored", UNMANAGED_RESTORED },
		{ "unconfirmed", UNMANAGED_UNCONFIRMED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = NULL, *again = NULL;
		struct baseline o;
		bool same;

		assert_true(asprintf(&text, "{\"ifindex\":2,\"driver\":\"simulated\",\"held\":\"%s\"}",
				     cases[i].text) > 0);
		assert_int_equal(baseline_parse(text, SIM0, "simulated", &o, &same), 0);
		assert_int_equal(o.unmanaged, cases[i].unmanaged);
		assert_int_equal(baseline_format(SIM0, "simulated", &o, &again), 0);
		assert_true((i < 2) == !streq(text, again));
		baseline_done(&o);
	}
}

/* Daemons before and after this one read and write the same file. */
static void test_settings_in_a_baseline_are_read_and_written(void **state)
{
	static const char text[] =
		"{\"ifindex\":2,\"driver\":\"simulated\",\"found\":{\"hasRss\":true,\"combined\":4,"
		"\"rxRing\":512,\"split\":2,\"hdsThreshold\":256,\"splitByDriver\":1,\"ntuple\":0,"
		"\"groHw\":1,\"rx\":1,\"tx\":2,\"other\":3,\"rss\":[0,0,1,4]}}";
	_cleanup_origin_ struct baseline o = {};
	_cleanup_free_ char *again = NULL;
	const struct nic_state *s;
	bool same;

	assert_int_equal(baseline_parse(text, SIM0, "simulated", &o, &same), 0);
	s = o.found;
	assert_true(s && s->has_channels && s->has_rings && s->has_split && s->has_hds_threshold && s->has_rss);
	assert_true(s->channels.combined == 4 && s->channels.rx == 1 && s->channels.tx == 2 &&
		    s->channels.other == 3);
	assert_true(s->rx_ring == 512 && s->split == SPLIT_ENABLED && !s->split_was_set &&
		    s->hds_threshold == 256);
	assert_true(s->ntuple == FEATURE_OFF && s->gro_hw == FEATURE_ON);
	assert_true(s->rss.n == 4 && s->rss.entries[3] == 4);
	assert_int_equal(baseline_format(SIM0, "simulated", &o, &again), 0);
	assert_string_equal(again, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_changes_if_the_baseline_cannot_be_saved),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_why_it_is_held),
		cmocka_unit_test(test_settings_in_a_baseline_are_read_and_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
