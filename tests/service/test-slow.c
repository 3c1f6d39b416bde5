/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A driver that takes its time: whoever only looks is told what was seen last, and how long ago that
 * was, and leases of other interfaces go on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name
#define SIM1 3
#define FOR_EVER 3600000 /* until sim_set_delay says otherwise */

static sd_json_variant *interface_of(sd_varlink *link, const char *name)
{
	sd_json_variant *reply, *all;

	assert_null(call(link, "Describe", &reply, "{}"));
	all = sd_json_variant_by_key(reply, "interfaces");
	for (size_t i = 0; i < sd_json_variant_elements(all); i++)
		if (streq(text_of(sd_json_variant_by_index(all, i), "name"), name))
			return sd_json_variant_by_index(all, i);
	fail_msg("%s is not listed", name);
	return NULL;
}

static uint64_t seen(sd_varlink *link)
{
	return number_of(interface_of(link, "sim0"), "observationUSec");
}

/* Begins without waiting for the answer. */
static void begin(sd_varlink *link, const char *method)
{
	assert_true(sd_varlink_invokebo(link, method,
					SD_JSON_BUILD_PAIR_STRING("interface", "sim0")) >= 0);
	assert_true(sd_varlink_flush(link) >= 0);
}

static void finish(sd_varlink *link)
{
	while (sd_varlink_is_idle(link) == 0) {
		assert_true(sd_varlink_process(link) >= 0);
		(void)sd_varlink_wait(link, 10000);
	}
}

static void test_read_only_calls_do_not_wait_for_a_slow_driver(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *slow = NULL, *link = NULL, *other = NULL;
	sd_json_variant *reply, *lease;
	uint64_t before;
	struct daemon d;

	daemon_start(&d, NULL);
	slow = daemon_connect(&d);
	link = daemon_connect(&d);
	other = daemon_connect(&d);
	before = seen(link);
	assert_true(before > 0);
	assert_in_range(seen(link), before, before + 60000000); /* anew, each time */
	before = seen(link);

	sim_set_delay(d.sim, FOR_EVER);
	begin(slow, OURS("Acquire"));
	assert_int_equal(seen(link), before);
	/* From here on at once, for everybody. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(seen(i % 2 ? link : other), before);
	assert_null(call(other, "ListLeases", &reply, "{}"));
	lease = sd_json_variant_by_key(reply, "lease");
	assert_string_equal(text_of(lease, "interface"), "sim0");
	assert_string_equal(text_of(interface_of(link, "sim0"), "state"), "configured");
	assert_true(sd_varlink_is_idle(slow) == 0);

	sim_set_delay(d.sim, 0);
	finish(slow);
	assert_true(seen(link) > before);
	assert_true(seen(other) > before);
	slow = sd_varlink_close_unref(slow);
	wait_until_clean(&d);
	daemon_stop(&d);
}

/* Of one that nobody has seen yet there is nothing to tell. */
static void test_an_interface_not_seen_yet_is_missing(void **state)
{
	static const char config[] = "interfaces:\n"
				     "  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
				     "  - name: sim1\n    channels: 8\n    zero-copy-queues: 4\n";
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	sd_json_variant *i;
	struct daemon d;

	daemon_start(&d, config);
	link = daemon_connect(&d);
	assert_string_equal(text_of(interface_of(link, "sim1"), "reason"), "no such interface now");
	sim_set_delay(d.sim, FOR_EVER);
	assert_int_equal(sim_nic_state_new(SIM1, "sim1", "simulated", 4, 16, &s), 0);
	assert_int_equal(sim_add_nic(d.sim, s, "02:00:00:00:00:02", NULL), 0);
	do
		i = interface_of(link, "sim1");
	while (number_of(i, "index") != SIM1);
	assert_string_equal(text_of(i, "state"), "missing");
	assert_string_equal(text_of(i, "reason"), "it has appeared, and is being configured");
	sim_set_delay(d.sim, 0);
	do
		i = interface_of(link, "sim1");
	while (!streq(text_of(i, "state"), "configured"));
	daemon_stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_only_calls_do_not_wait_for_a_slow_driver),
		cmocka_unit_test(test_an_interface_not_seen_yet_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
