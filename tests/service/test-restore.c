/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way back: Restore, and Apply for a try. What another daemon makes of it is in tests/crash/.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>

#include "harness.h"
#include "baseline.h"
#include "sim-internal.h"

#define WRONG_STATE   "io.zcrx.Manager.WrongState"
#define NOT_SUPPORTED "io.zcrx.Manager.NotSupported"
#define DEADLINE_MS   10000
#define HOUR	      3600000000ULL

static struct daemon d;
static sd_varlink *admin;

/* --------------------------------------------------------------------- what there is */

static sd_json_variant *interface(void)
{
	sd_json_variant *reply;

	assert_null(call(admin, "Describe", &reply, "{}"));
	return sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0);
}

static void expect_held(const char *reason)
{
	sd_json_variant *v = interface();

	assert_string_equal(text_of(v, "state"), "degraded");
	if (!strstr(text_of(v, "reason"), reason))
		fail_msg("%s", text_of(v, "reason"));
	assert_null(sd_json_variant_by_key(v, "confirmUntilUSec"));
	assert_int_equal(number_of(v, "zeroCopyCount"), 0);
	assert_string_equal(call(admin, "Acquire", NULL, "{}"), NOT_SUPPORTED);
}

static void expect_configured(void)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(&d);

	assert_string_equal(text_of(interface(), "state"), "configured");
	assert_int_equal(s->channels.combined, 8);
	assert_int_equal(s->split, SPLIT_ENABLED);
	assert_int_equal(nic_state_rss_queues(s), 4);
}

/* What the kernel knows, and does not tell. */
static bool table_was_set(void)
{
	size_t slot;

	assert_int_equal(sim_find(sim_of(d.sim), SIM0, &slot), 0);
	return sim_of(d.sim)->nics[slot].state->rss_was_set;
}

static bool is_as_found(const struct nic_state *s)
{
	for (size_t i = 0; i < s->rss.n; i++)
		if (s->rss.entries[i] != i % 4)
			return false;
	return s->channels.combined == 4 && s->split == SPLIT_UNKNOWN && s->hds_threshold == 256 &&
	       s->ntuple == FEATURE_OFF && !table_was_set();
}

static void expect_as_found(void)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(&d);

	assert_true(is_as_found(s));
}

static void wait_until_as_found(void)
{
	for (int i = 0; i < DEADLINE_MS / 5; i++) {
		_cleanup_(nic_state_freep) struct nic_state *s = observe(&d);

		if (is_as_found(s) && streq(text_of(interface(), "state"), "degraded") &&
		    !strstr(text_of(interface(), "reason"), "being restored"))
			return;
		usleep(5000);
	}
	fail_msg("it is not restored");
}

static struct baseline noted(void)
{
	_cleanup_free_ char *path = NULL, *set_aside = NULL;
	struct baseline o;

	assert_int_equal(baseline_path(d.directory, SIM0, &path), 0);
	assert_int_equal(baseline_read(path, SIM0, "simulated", &o, &set_aside, NULL), 0);
	assert_null(set_aside);
	return o;
}

static void start(void)
{
	daemon_start(&d, NULL);
	admin = daemon_connect(&d);
}

/* Nothing is configured yet: the default route is in the way. */
static void start_guarded(void)
{
	daemon_prepare(&d, NULL);
	assert_int_equal(sim_set_default_route(d.sim, SIM0, true), 0);
	daemon_run(&d);
	admin = daemon_connect(&d);
	expect_as_found();
}

static void stop(void)
{
	admin = sd_varlink_close_unref(admin);
	daemon_stop(&d);
}

/* ------------------------------------------------------------------------------ Restore */

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

/* ------------------------------------------------------------------------ Apply for a try */

static const char *try_for(uint64_t usec, sd_json_variant **ret)
{
	return call(admin, "Apply", ret, "{\"force\":true,\"confirmWithinUSec\":%llu}",
		    (unsigned long long)usec);
}

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

/* -------------------------------------------------------------------------------- the file */

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
		cmocka_unit_test(test_confirm),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_confirm_no_rolls_back_at_once),
		cmocka_unit_test(test_second_change),
		cmocka_unit_test(test_a_failed_rollback_is_retried),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_nothing_changes_if_the_baseline_cannot_be_saved),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_why_it_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
