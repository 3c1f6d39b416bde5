/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Restore. What another daemon makes of it is in tests/crash/.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "restoring.h"

static void test_restore(void **state)
{
	sd_json_variant *reply;

	start();
	expect_configured();
	for (int i = 0; i < 2; i++) {
		assert_null(call(admin, "Restore", &reply, "{\"interface\":\"sim0\"}"));
		assert_true(sd_json_variant_elements(sd_json_variant_by_key(reply, "changes")) >= 5);
		expect_as_found();
		expect_held("restored to its baseline");
		/* Nothing but the word of an administrator configures it now. */
		assert_int_equal(sim_set_up(d.sim, SIM0, true), 0);
		assert_int_equal(sim_overrun(d.sim), 0);
		assert_null(call(admin, "Plan", NULL, "{}"));
		expect_as_found();
		assert_null(call(admin, i == 0 ? "Apply" : "Reload", NULL, "{}"));
		expect_configured();
	}
	stop();
}

/* What zcrxd does not remember is what it finds the next time. */
static void test_a_new_baseline_after_restore(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	struct baseline o;

	start();
	o = noted();
	assert_true(o.found && !o.rollback && !o.unmanaged);
	assert_int_equal(o.found->channels.combined, 4);
	assert_int_equal(o.found->rss.n, 0);
	baseline_done(&o);
	assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	o = noted();
	assert_true(!o.found && !o.rollback && o.unmanaged);
	baseline_done(&o);
	assert_int_equal(sim_foreign_step(d.sim, SIM0, &(struct step){ .op = STEP_CHANNELS,
							 .to.channels.combined = 6 }), 0);
	assert_null(call(admin, "Apply", NULL, "{}"));
	assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	s = observe(&d);
	assert_int_equal(s->channels.combined, 6);
	stop();
}

/* A table that somebody set comes back entry by entry, and stays set. */
static void test_table(void **state)
{
	uint32_t table[128];
	const struct step set = { .op = STEP_RSS, .to = { .rss = table, .n_rss = ARRAY_SIZE(table) } };
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		table[i] = i % 7 == 0 ? 3 : 1;
	daemon_prepare(&d, NULL);
	assert_int_equal(sim_foreign_step(d.sim, SIM0, &set), 0);
	daemon_run(&d);
	admin = daemon_connect(&d);
	expect_configured();
	assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	s = observe(&d);
	assert_int_equal(s->channels.combined, 4);
	assert_memory_equal(s->rss.entries, table, sizeof(table));
	assert_true(table_was_set());
	stop();
}

static void test_leases(void **state)
{
	sd_json_variant *reply;
	struct client c;

	start();
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	assert_string_equal(call(admin, "Restore", &reply, "{\"interface\":\"sim0\"}"), WRONG_STATE);
	assert_string_equal(text_of(reply, "state"), "leased");
	assert_non_null(strstr(text_of(reply, "message"), "restore --force sim0"));
	assert_string_equal(lease_state(&d, c.id), "steered");
	expect_configured();
	assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\",\"force\":true}"));
	wait_for_hangup(c.handle);
	assert_string_equal(lease_state(&d, c.id), "gone");
	expect_as_found();
	client_close(&c);
	stop();
}

static void test_guard(void **state)
{
	sd_json_variant *reply;

	start_guarded();
	assert_null(call(admin, "Apply", NULL, "{\"force\":true}"));
	assert_string_equal(call(admin, "Restore", &reply, "{\"interface\":\"sim0\"}"), WRONG_STATE);
	assert_string_equal(text_of(reply, "state"), "default-route");
	assert_non_null(strstr(text_of(reply, "message"), "zcrxctl restore --force sim0"));
	expect_configured();
	assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\",\"force\":true}"));
	expect_as_found();
	stop();
}

/* Somebody else's rules would go with the feature: it stays. */
static void test_foreign_rules(void **state)
{
	const struct nic_rule rule = { .location = 7, .action = RULE_TO_QUEUE, .target = 0 };
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;

	start();
	assert_int_equal(sim_foreign_rule(d.sim, SIM0, &rule), 0);
	assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	s = observe(&d);
	assert_int_equal(s->n_rules, 1);
	assert_int_equal(s->ntuple, FEATURE_ON);
	assert_int_equal(s->channels.combined, 4);
	stop();
}

/* Where only the last look at it failed, it is back, and the daemon finds that out by itself. */
static void wait_until_settled(void)
{
	for (int i = 0; i < DEADLINE_MS / 5; i++) {
		_cleanup_(nic_state_freep) struct nic_state *s = observe(&d);
		sd_json_variant *v = interface();

		if (is_as_found(s) && strstr(text_of(v, "reason"), "restored to its baseline"))
			return;
		if (streq(text_of(v, "state"), "configured")) {
			expect_configured();
			return;
		}
		usleep(5000);
	}
	fail_msg("%s", text_of(interface(), "reason"));
}

static bool some_change_failed(sd_json_variant *reply)
{
	sd_json_variant *changes = sd_json_variant_by_key(reply, "changes");

	for (size_t i = 0; i < sd_json_variant_elements(changes); i++)
		if (streq(text_of(sd_json_variant_by_index(changes, i), "outcome"), "failed"))
			return true;
	return false;
}

/* What the start looks at on its own is over, and is not counted. */
static void wait_until_quiet(void)
{
	unsigned n;

	do {
		n = sim_operations(d.sim);
		usleep(200000);
	} while (n != sim_operations(d.sim));
}

/* Whatever fails, it is configured or as it was found, and the next try brings it there. */
static void test_every_failure(void **state)
{
	unsigned before, total, failed = 0;
	sd_json_variant *reply;

	start();
	wait_until_quiet();
	before = sim_operations(d.sim);
	assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	total = sim_operations(d.sim) - before;
	assert_true(total > 5);
	for (unsigned n = 1; n <= total; n++) {
		const char *error;

		assert_null(call(admin, "Apply", NULL, "{}"));
		expect_configured();
		assert_int_equal(sim_fail_at(d.sim, n, EIO, "simulated failure"), 0);
		error = call(admin, "Restore", &reply, "{\"interface\":\"sim0\"}");
		(void)sim_fail_at(d.sim, 0, 0, NULL);
		failed += error || some_change_failed(reply);
		wait_until_settled();
		assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\"}"));
		expect_as_found();
	}
	assert_int_equal(failed, total - 1); /* a guard that does not go is tried again by itself */
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_a_new_baseline_after_restore),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_leases),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_foreign_rules),
		cmocka_unit_test(test_every_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
