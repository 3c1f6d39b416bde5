/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was applied for a try, and what happens before anybody confirms: leases end that part of it waits
 * for, and the interface is called something that the configuration does not know. And a split that the
 * driver had chosen.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#include "harness.h"
#include "sim-internal.h"

#define DEADLINE_MS 10000
#define SECOND	    1000000ULL
#define HOUR	    (3600 * SECOND)

static struct daemon d;
static sd_varlink *admin;

/* The one that is called so, until the next call; NULL if there is none. */
static sd_json_variant *interface(const char *name)
{
	sd_json_variant *reply;

	assert_null(call(admin, "Describe", &reply, "{}"));
	reply = sd_json_variant_by_key(reply, "interfaces");
	for (size_t i = 0; i < sd_json_variant_elements(reply); i++)
		if (streq(text_of(sd_json_variant_by_index(reply, i), "name"), name))
			return sd_json_variant_by_index(reply, i);
	return NULL;
}

static const char *state_of(const char *name)
{
	sd_json_variant *v = interface(name);

	return v ? text_of(v, "state") : "none";
}

static void await(const char *name, const char *state)
{
	for (int i = 0; i < DEADLINE_MS / 5 && !streq(state_of(name), state); i++)
		usleep(5000);
	assert_string_equal(state_of(name), state);
}

static void await_channels(unsigned n)
{
	for (int i = 0; i < DEADLINE_MS / 5; i++) {
		_cleanup_(nic_state_freep) struct nic_state *s = observe(&d);

		if (s->channels.combined == n)
			return;
		usleep(5000);
	}
	fail_msg("there are never %u channels", n);
}

/* The guard keeps it from being configured at start. */
static void start_guarded(void)
{
	daemon_prepare(&d, NULL);
	assert_int_equal(sim_set_default_route(d.sim, SIM0, true), 0);
	daemon_run(&d);
	admin = daemon_connect(&d);
}

static void stop(void)
{
	admin = sd_varlink_close_unref(admin);
	daemon_stop(&d);
}

static void try_for(uint64_t usec)
{
	assert_null(call(admin, "Apply", NULL, "{\"force\":true,\"confirmWithinUSec\":%llu}",
			 (unsigned long long)usec));
}

static void rename_to(const char *name)
{
	assert_int_equal(sim_rename(d.sim, SIM0, name), 0);
	for (int i = 0; i < DEADLINE_MS / 5 && !interface(name); i++)
		usleep(5000);
}

static void expect_left_alone(void)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(&d);

	assert_int_equal(s->channels.combined, 4);
	assert_int_equal(s->split, SPLIT_UNKNOWN);
	assert_int_equal(s->hds_threshold, 256);
	await("sim0", "degraded");
	if (!strstr(text_of(interface("sim0"), "reason"), "not confirmed in time"))
		fail_msg("%s", text_of(interface("sim0"), "reason"));
}

/* ------------------------------------------------------------------------------ leases */

/* The end of a lease is no word of the administrator. */
static void test_waits_for_a_lease(void **state)
{
	const struct step more = { .op = STEP_CHANNELS, .to.channels.combined = 10 };
	struct client c;

	daemon_start(&d, NULL);
	admin = daemon_connect(&d);
	assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	assert_null(call(admin, "Apply", NULL, "{}"));
	assert_null(client_open(&d, &c, CLIENT_BOUND));
	daemon_write_config(&d, "on-drift: report\ninterfaces:\n  - name: sim0\n    channels: 8\n"
			    "    zero-copy-queues: 4\npolicy:\n  - flows: any\n    administer: true\n");
	assert_null(call(admin, "Reload", NULL, "{}"));
	assert_int_equal(sim_foreign_step(d.sim, SIM0, &more), 0);
	assert_int_equal(sim_foreign_step(d.sim, SIM0, &(struct step){ .op = STEP_NTUPLE }), 0);
	try_for(HOUR);
	client_close(&c);
	wait_until_clean(&d);
	/* What it set off, if anything, is behind this. */
	for (int i = 0; i < 3; i++)
		assert_null(call(admin, "Plan", NULL, "{}"));
	assert_true(number_of(interface("sim0"), "confirmUntilUSec") < UINT64_MAX);
	await_channels(10);
	assert_null(call(admin, "Confirm", NULL, "{}"));
	await_channels(8);
	await("sim0", "configured");
	stop();
}

/* What was read meanwhile is applied once that is settled. */
static void test_another_configuration_meanwhile(void **state)
{
	daemon_start(&d, NULL);
	admin = daemon_connect(&d);
	assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	try_for(HOUR);
	daemon_write_config(&d, "interfaces:\n  - name: sim0\n    channels: 10\n    zero-copy-queues: 4\n"
			    "policy:\n  - flows: any\n    administer: true\n");
	assert_null(call(admin, "Reload", NULL, "{}"));
	for (int i = 0; i < 3; i++)
		assert_null(call(admin, "Plan", NULL, "{}"));
	await_channels(8);
	assert_null(call(admin, "Confirm", NULL, "{}"));
	await_channels(10);
	await("sim0", "configured");
	stop();
}

/* ------------------------------------------------------------------------------- names */

/* Nothing in the configuration matches it any more: it goes back all the same, and is left alone when
 * it has its name again. */
static void test_renamed(void **state)
{
	for (int leased = 0; leased < 2; leased++) {
		struct client c;

		start_guarded();
		try_for(SECOND);
		if (leased)
			assert_null(client_open(&d, &c, CLIENT_STEERED));
		rename_to("other0");
		await("sim0", "missing");
		await_channels(4);
		await("other0", "none");
		if (leased) {
			wait_for_hangup(c.handle);
			client_close(&c);
		}
		rename_to("sim0");
		expect_left_alone();
		assert_null(call(admin, "Apply", NULL, "{\"force\":true}"));
		await("sim0", "configured");
		stop();
	}
}

/* It has its name again in time: there is as much of that as before. */
static void test_renamed_and_back(void **state)
{
	start_guarded();
	try_for(HOUR);
	rename_to("other0");
	await("sim0", "missing");
	rename_to("sim0");
	for (int i = 0; i < 3; i++)
		assert_null(call(admin, "Plan", NULL, "{}"));
	await_channels(8);
	assert_true(number_of(interface("sim0"), "confirmUntilUSec") < UINT64_MAX);
	assert_null(call(admin, "Confirm", NULL, "{\"interface\":\"sim0\",\"keep\":false}"));
	expect_left_alone();
	stop();
}

static void test_confirmed_by_another_name(void **state)
{
	start_guarded();
	try_for(HOUR);
	rename_to("other0");
	assert_string_equal(call(admin, "Apply", NULL, "{\"interface\":\"other0\"}"),
			    "io.zcrx.Manager.NoSuchInterface");
	assert_null(call(admin, "Confirm", NULL, "{\"interface\":\"other0\"}"));
	await("other0", "none");
	await_channels(8);
	rename_to("sim0");
	await("sim0", "configured");
	stop();
}

static void *apply_for_a_second(void *unused)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);

	(void)call(link, "Apply", NULL, "{\"force\":true,\"confirmWithinUSec\":1000000}");
	return NULL;
}

/* In the middle of it. */
static void test_renamed_meanwhile(void **state)
{
	pthread_t thread;

	start_guarded();
	sim_set_delay(d.sim, 100);
	assert_int_equal(pthread_create(&thread, NULL, apply_for_a_second, NULL), 0);
	await_channels(8);
	assert_int_equal(sim_rename(d.sim, SIM0, "other0"), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	sim_set_delay(d.sim, 0);
	await("sim0", "missing");
	await_channels(4);
	await("other0", "none");
	rename_to("sim0");
	expect_left_alone();
	stop();
}

/* -------------------------------------------------------------------------------- found */

/* What came to nothing leaves no trace: what is found is what there is before the change that lasts. */
static void test_found_after_a_failure(void **state)
{
	const struct step six = { .op = STEP_CHANNELS, .to.channels.combined = 6 };

	start_guarded();
	sim_fail_operation(d.sim, "set channels", EBUSY, "not now");
	assert_null(call(admin, "Apply", NULL, "{\"force\":true,\"confirmWithinUSec\":3600000000}"));
	sim_fail_operation(d.sim, NULL, 0, NULL);
	await("sim0", "degraded");
	await_channels(4);
	assert_int_equal(number_of(interface("sim0"), "confirmUntilUSec"), UINT64_MAX);
	assert_int_equal(sim_foreign_step(d.sim, SIM0, &six), 0);
	assert_null(call(admin, "Apply", NULL, "{\"force\":true}"));
	await_channels(8);
	assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\",\"force\":true}"));
	await_channels(6);
	stop();
}

/* ------------------------------------------------------------------------------- split */

/* What the kernel knows, and does not tell: what the driver had chosen is its choice again. */
static void test_split_by_driver(void **state)
{
	const struct nic_state *truth;

	daemon_prepare(&d, NULL);
	truth = sim_of(d.sim)->nics[0].state;
	sim_of(d.sim)->nics[0].state->split = SPLIT_ENABLED;
	daemon_run(&d);
	admin = daemon_connect(&d);
	assert_true(truth->split == SPLIT_ENABLED && truth->split_was_set);
	assert_null(call(admin, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	assert_true(truth->split == SPLIT_ENABLED && !truth->split_was_set);
	assert_null(call(admin, "Apply", NULL, "{}"));
	assert_true(truth->split_was_set);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_for_a_lease),
		cmocka_unit_test(test_another_configuration_meanwhile),
		cmocka_unit_test(test_renamed),
		cmocka_unit_test(test_renamed_and_back),
		cmocka_unit_test(test_confirmed_by_another_name),
		cmocka_unit_test(test_renamed_meanwhile),
		cmocka_unit_test(test_found_after_a_failure),
		cmocka_unit_test(test_split_by_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
