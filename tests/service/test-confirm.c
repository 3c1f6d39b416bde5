/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Apply for a try: confirmed, or rolled back.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "restoring.h"

static void test_confirm(void **state)
{
	sd_json_variant *reply;
	struct baseline o;

	start_guarded();
	assert_null(try_for(HOUR, &reply));
	assert_true(number_of(reply, "confirmUntilUSec") < UINT64_MAX);
	assert_true(number_of(interface(), "confirmUntilUSec") < UINT64_MAX);
	expect_configured();
	o = noted();
	assert_true(o.found && o.rollback && o.rollback_usec > 0);
	baseline_done(&o);

	assert_string_equal(try_for(HOUR, &reply), WRONG_STATE);
	assert_string_equal(text_of(reply, "state"), "unconfirmed");
	assert_string_equal(call(admin, "Restore", NULL, "{\"interface\":\"sim0\"}"), WRONG_STATE);
	assert_null(call(admin, "Reload", &reply, "{}"));
	assert_int_equal(sd_json_variant_elements(sd_json_variant_by_key(reply, "warnings")), 1);
	daemon_write_config(&d, "policy: []\n");
	assert_string_equal(call(admin, "Reload", NULL, "{}"), WRONG_STATE);

	assert_null(call(admin, "Confirm", &reply, "{}"));
	reply = sd_json_variant_by_key(reply, "interfaces");
	assert_string_equal(sd_json_variant_string(sd_json_variant_by_index(reply, 0)), "sim0");
	assert_null(sd_json_variant_by_key(interface(), "confirmUntilUSec"));
	o = noted();
	assert_true(o.found && !o.rollback);
	baseline_done(&o);
	expect_configured();
	assert_string_equal(call(admin, "Confirm", NULL, "{}"), WRONG_STATE);
	assert_string_equal(call(admin, "Confirm", NULL, "{\"interface\":\"sim0\"}"), WRONG_STATE);
	/* There is nothing to confirm where nothing changes. */
	assert_null(try_for(HOUR, &reply));
	assert_null(sd_json_variant_by_key(reply, "confirmUntilUSec"));
	stop();
}

static void test_timeout(void **state)
{
	struct client c;

	start_guarded();
	assert_null(try_for(1000000, NULL));
	/* Leases of what is being tried go with it. */
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	wait_until_as_found();
	wait_for_hangup(c.handle);
	expect_held("not confirmed in time");
	assert_string_equal(call(admin, "Confirm", NULL, "{}"), WRONG_STATE);
	client_close(&c);
	stop();
}

static void test_confirm_no_rolls_back_at_once(void **state)
{
	sd_json_variant *reply;

	start_guarded();
	assert_null(try_for(HOUR, NULL));
	assert_null(call(admin, "Confirm", &reply, "{\"keep\":false}"));
	assert_int_equal(sd_json_variant_elements(sd_json_variant_by_key(reply, "interfaces")), 1);
	expect_as_found();
	expect_held("rolled back");
	stop();
}

/* Back to what was there before this change, which is not what was found before the first. */
static void test_second_change(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL, *tried = NULL;
	char config[256];

	start();
	assert_int_equal(sim_set_default_route(d.sim, SIM0, true), 0);
	snprintf(config, sizeof(config), "interfaces:\n  - name: sim0\n    channels: 12\n"
		 "    zero-copy-queues: 4\npolicy:\n  - user: \"%u\"\n    administer: true\n",
		 (unsigned)getuid());
	daemon_write_config(&d, config);
	assert_null(call(admin, "Reload", NULL, "{}"));
	assert_null(try_for(HOUR, NULL));
	tried = observe(&d);
	assert_int_equal(tried->channels.combined, 12);
	assert_null(call(admin, "Confirm", NULL, "{\"keep\":false}"));
	s = observe(&d);
	assert_int_equal(s->channels.combined, 8);
	assert_int_equal(s->split, SPLIT_ENABLED);
	assert_int_equal(nic_state_rss_queues(s), 4);
	assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\",\"force\":true}"));
	expect_as_found();
	stop();
}

/* The kernel refuses at first: it is tried again until it is back. */
static void test_a_failed_rollback_is_retried(void **state)
{
	start_guarded();
	assert_null(try_for(HOUR, NULL));
	assert_int_equal(sim_fail_at(d.sim, 4, EIO, "simulated failure"), 0);
	assert_non_null(call(admin, "Confirm", NULL, "{\"keep\":false}"));
	assert_null(call(admin, "Confirm", NULL, "{\"keep\":false}"));
	expect_as_found();
	stop();
}

static void test_refusals(void **state)
{
	static const char *const calls[][2] = { { "Confirm", "{}" },
						{ "Restore", "{\"interface\":\"sim0\"}" } };
	char config[256];

	start();
	assert_non_null(try_for(999999, NULL));
	assert_non_null(try_for(24 * HOUR + 1, NULL));
	assert_string_equal(call(admin, "Restore", NULL, "{\"interface\":\"eth9\"}"),
			    "io.zcrx.Manager.NoSuchInterface");
	snprintf(config, sizeof(config), "interfaces:\n  - name: sim0\n    zero-copy-queues: 4\n"
		 "policy:\n  - user: \"%u\"\n    flows: any\n", (unsigned)getuid());
	daemon_write_config(&d, config);
	assert_null(call(admin, "Reload", NULL, "{}"));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		assert_string_equal(call(admin, calls[i][0], NULL, "%s", calls[i][1]),
				    "org.varlink.service.PermissionDenied");
	expect_configured();
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_confirm),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_confirm_no_rolls_back_at_once),
		cmocka_unit_test(test_second_change),
		cmocka_unit_test(test_a_failed_rollback_is_retried),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
