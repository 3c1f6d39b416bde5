/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces that come, go, come back, are moved and changed under the daemon's eyes, with leases held
 * and without.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>

#include "hotplug.h"

#define FOR_EVER 3600000 /* until sim_set_delay says otherwise */

/* ------------------------------------------------------------------------ coming, going */

static void test_appears_later(void **state)
{
	start(ENTRY("name: sim1"));
	assert_string_equal(state_of("sim1", NULL, 0), "missing");
	assert_string_equal(acquire("sim1"), OURS("NotSupported"));
	add_nic(SIM1, "sim1", MAC1, NULL);
	await("sim1", "configured");
	assert_null(acquire("sim1"));
	wait_until_clean(&d);
}

/* It goes with a lease in each state; handles hang up, and the next one is as good as the first. */
static void test_goes_and_returns(void **state)
{
	start(ENTRY("name: sim0"));
	for (int s = CLIENT_RESERVED; s <= CLIENT_STEERED; s++) {
		unsigned ifindex = SIM0 + 10 + (unsigned)s;
		struct client c;
		char text[256];
		ssize_t n;

		await("sim0", "configured");
		assert_null(client_open(&d, &c, s));
		assert_int_equal(sim_unplug(d.sim, s == CLIENT_RESERVED ? SIM0 : ifindex - 1), 0);
		wait_for_hangup(c.handle);
		/* What the library reads off it. */
		n = recv(c.handle, text, sizeof(text) - 1, 0);
		assert_true(n > 0);
		text[n] = '\0';
		assert_string_equal(text, "{\"end\":\"interface-gone\","
					  "\"reason\":\"the interface is gone\"}");
		await_lease(&c, "gone");
		await("sim0", "missing");
		client_close(&c);
		add_nic(ifindex, "sim0", MAC0, NULL);
	}
	await("sim0", "configured");
	assert_null(acquire("sim0"));
}

/* Under its old index, while the leases of the one that went are still being ended. */
static void test_back_before_the_leases_are_over(void **state)
{
	struct client c[2];

	start(ENTRY("name: sim0"));
	for (int i = 0; i < 2; i++)
		assert_null(client_open(&d, &c[i], CLIENT_STEERED));
	sim_set_delay(d.sim, 100);
	assert_int_equal(sim_unplug(d.sim, SIM0), 0);
	add_nic(SIM0, "sim0", MAC0, NULL);
	for (int i = 0; i < 2; i++) {
		wait_for_hangup(c[i].handle);
		await_lease(&c[i], "gone");
		client_close(&c[i]);
	}
	sim_set_delay(d.sim, 0);
	await("sim0", "configured");
	assert_null(acquire("sim0"));
	wait_until_clean(&d);
}

/* ... while its worker is at something: nothing that was under way counts for the new one. */
static void test_gone_in_the_middle(void **state)
{
	static const char *const methods[] = { "Acquire", "Apply", "Plan" };

	start(ENTRY("name: sim0"));
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
		_cleanup_free_ char *name = NULL;

		await("sim0", "configured");
		sim_set_delay(d.sim, 50);
		assert_true(asprintf(&name, OURS("%s"), methods[i]) > 0);
		assert_true(sd_varlink_invokebo(link, name,
						SD_JSON_BUILD_PAIR_STRING("interface", "sim0")) >= 0);
		assert_true(sd_varlink_flush(link) >= 0);
		usleep(25000);
		assert_int_equal(sim_unplug(d.sim, SIM0), 0);
		add_nic(SIM0, "sim0", MAC0, NULL);
		/* Whatever the answer is, there is one. */
		for (int k = 0; k < 1000 && sd_varlink_is_idle(link) == 0; k++) {
			assert_true(sd_varlink_process(link) >= 0);
			(void)sd_varlink_wait(link, 10000);
		}
		assert_true(sd_varlink_is_idle(link) > 0);
		sim_set_delay(d.sim, 0);
		await("sim0", "configured");
	}
	assert_null(acquire("sim0"));
	wait_until_clean(&d);
}

/* ------------------------------------------------------------------------------- moving */

static void *move_away_later(void *usec)
{
	usleep(*(const unsigned *)usec);
	(void)sim_move_away(d.sim, SIM0);
	return NULL;
}

/* At every stage of a Register and of an AddFlow: there is an answer, the lease ends, and nothing of
 * it is on the NIC that comes back. */
static void test_gone_during_a_call(void **state)
{
	start(ENTRY("name: sim0"));
	for (unsigned i = 0; i < 24; i++) {
		unsigned after = i / 2 * 5000;
		const char *error;
		struct client c;
		pthread_t thread;

		await("sim0", "configured");
		assert_null(client_open(&d, &c, i % 2 ? CLIENT_BOUND : CLIENT_RESERVED));
		sim_set_delay(d.sim, 10);
		assert_int_equal(pthread_create(&thread, NULL, move_away_later, &after), 0);
		error = i % 2 ? client_add_flow(&c) : client_register(&c);
		/* Which refusal depends on where it was; the connection outlives it. */
		assert_true(!error || !streq(error, DISCONNECTED));
		pthread_join(thread, NULL);
		sim_set_delay(d.sim, 0);
		wait_for_hangup(c.handle);
		await_lease(&c, "gone");
		client_close(&c);
		await("sim0", "missing");
		assert_int_equal(sim_move_back(d.sim, SIM0), 0);
		await("sim0", "configured");
		wait_until_clean(&d);
	}
}

/* To another network namespace, where nobody can take our rules and contexts away, and back. What
 * somebody else had on it is no business of ours. */
static void test_moved_and_back(void **state)
{
	static const struct nic_rule foreign = { .location = 900, .action = RULE_DROP };
	struct client c[2];
	struct nic_state *s;

	start(ENTRY("name: sim0"));
	assert_null(client_open(&d, &c[0], CLIENT_STEERED));
	assert_null(client_open_queues(&d, &c[1], 2, CLIENT_STEERED));
	assert_int_equal(sim_foreign_rule(d.sim, SIM0, &foreign), 0);
	assert_int_equal(sim_move_away(d.sim, SIM0), 0);
	for (int i = 0; i < 2; i++) {
		wait_for_hangup(c[i].handle);
		await_lease(&c[i], "gone");
		client_close(&c[i]);
	}
	await("sim0", "missing");
	assert_int_equal(sim_move_back(d.sim, SIM0), 0);
	await("sim0", "configured");
	s = observe(&d);
	assert_int_equal(s->n_contexts, 0);
	assert_int_equal(s->n_rules, 1);
	assert_int_equal(s->rules[0].location, foreign.location);
	nic_state_free(s);
	assert_int_equal(sim_remove_rule(d.sim, SIM0, foreign.location), 0);
	assert_null(acquire("sim0"));
	wait_until_clean(&d);
}

/* Back before the daemon has taken notice, and gone again before it could do anything about it. */
static void test_moved_to_and_fro(void **state)
{
	start(ENTRY("name: sim0"));
	for (int i = 0; i < 5; i++) {
		struct client c;

		await("sim0", "configured");
		assert_null(client_open_queues(&d, &c, 2, CLIENT_STEERED));
		assert_int_equal(sim_move_away(d.sim, SIM0), 0);
		usleep((unsigned)i * 1000);
		assert_int_equal(sim_move_back(d.sim, SIM0), 0);
		assert_int_equal(sim_move_away(d.sim, SIM0), 0);
		wait_for_hangup(c.handle);
		client_close(&c);
		usleep((unsigned)i * 1000);
		assert_int_equal(sim_move_back(d.sim, SIM0), 0);
		wait_until_clean(&d);
	}
}

/* ----------------------------------------------------------------------- what it is like */

/* The hardware is known by its permanent address. */
static void test_another_address(void **state)
{
	struct client c;

	start(ENTRY("mac: " MAC1));
	add_nic(SIM1, "sim1", MAC1, NULL);
	await("sim1", "configured");
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	assert_int_equal(sim_set_mac(d.sim, SIM1, "02:00:00:00:00:99"), 0);
	/* Somebody else takes the address: a bond gives one to all of its ports. */
	assert_int_equal(sim_set_mac(d.sim, SIM0, MAC1), 0);
	assert_int_equal(sim_set_master(d.sim, SIM0, 77), 0);
	usleep(50000);
	assert_string_equal(state_of("sim1", NULL, 0), "configured");
	assert_string_equal(lease_state(&d, c.id), "steered");
	assert_int_equal(sim_set_master(d.sim, SIM0, 0), 0);
	assert_null(acquire("sim1"));
	assert_int_equal(sim_unplug(d.sim, SIM1), 0);
	await_lease(&c, "gone");
	client_close(&c);
	/* It does not tell a permanent one (the harness gave it none): by the present one, then. */
	await("sim0", "configured");
	assert_int_equal(sim_set_mac(d.sim, SIM0, MAC0), 0);
	usleep(50000);
	assert_string_equal(state_of("sim0", NULL, 0), "configured");
}

/* Down and up: rules, ifq and lease are still there. */
static void test_flaps(void **state)
{
	struct nic_state *s;
	struct client c;

	start(ENTRY("name: sim0"));
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	for (int i = 0; i < 5; i++) {
		assert_int_equal(sim_set_up(d.sim, SIM0, false), 0);
		assert_int_equal(sim_set_up(d.sim, SIM0, true), 0);
	}
	usleep(50000);
	assert_string_equal(lease_state(&d, c.id), "steered");
	s = observe(&d);
	assert_int_equal(s->n_rules, 1);
	assert_true(s->queues[4].io_uring);
	nic_state_free(s);
	client_close(&c);
	wait_until_clean(&d);
}

/* What a driver refuses while the link is down is tried again when it comes up. */
static void test_configured_when_it_comes_up(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;

	start(ENTRY("name: sim1"));
	sim_set_nothing_while_down(d.sim);
	assert_int_equal(sim_nic_state_new(SIM1, "sim1", "simulated", 4, 16, &s), 0);
	s->up = false;
	assert_int_equal(sim_add_nic(d.sim, s, MAC1, NULL), 0);
	await("sim1", "degraded");
	assert_int_equal(sim_set_up(d.sim, SIM1, true), 0);
	await("sim1", "configured");
}

static void *unplug_and_return(void *userdata)
{
	usleep(300000);
	assert_int_equal(sim_unplug(d.sim, SIM0), 0);
	usleep(100000);
	add_nic(SIM1, "sim0", MAC0, NULL);
	usleep(100000);
	sim_set_delay(d.sim, 0);
	return NULL;
}

/* Before its first configuration has ended, and so before anybody is answered. */
static void test_goes_and_returns_at_start(void **state)
{
	pthread_t thread;

	daemon_prepare(&d, NULL);
	sim_set_delay(d.sim, FOR_EVER);
	assert_int_equal(pthread_create(&thread, NULL, unplug_and_return, NULL), 0);
	daemon_run(&d);
	pthread_join(thread, NULL);
	await("sim0", "configured");
}

static void test_overrun(void **state)
{
	struct client c;

	start(ENTRY("name: sim0") ENTRY("name: sim1"));
	assert_null(client_open(&d, &c, CLIENT_BOUND));
	sim_set_quiet(d.sim, true);
	assert_int_equal(sim_unplug(d.sim, SIM0), 0);
	add_nic(SIM1, "sim1", MAC1, NULL);
	sim_set_quiet(d.sim, false);
	assert_int_equal(sim_overrun(d.sim), 0);
	wait_for_hangup(c.handle);
	await_lease(&c, "gone");
	client_close(&c);
	await("sim0", "missing");
	await("sim1", "configured");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_appears_later),
		TEST(test_goes_and_returns),
		TEST(test_back_before_the_leases_are_over),
		TEST(test_gone_in_the_middle),
		TEST(test_gone_during_a_call),
		TEST(test_moved_and_back),
		TEST(test_moved_to_and_fro),
		TEST(test_another_address),
		TEST(test_flaps),
		TEST(test_configured_when_it_comes_up),
		TEST(test_goes_and_returns_at_start),
		TEST(test_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
