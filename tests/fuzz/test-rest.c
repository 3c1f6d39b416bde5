/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What wakes the daemon while nothing happens, and how soon it sees what nobody tells it of. On the stage each wake-up is
 * a turn of the loop, of workers too, and time passes as the test says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clients.h"
#include "proof.h"
#include "sim-internal.h"
#include "stage.h"

#define MINUTE	  60000
#define SOON	  1300 /* what the kernel does not notify of is seen by then */
#define QUEUE	  4    /* of the first lease */
#define WAKE_UPS  60   /* a minute, at most */

#define METHOD(name) "{\"method\":\"io.zcrx.Manager." name "\""

static void play(const char *kinds, const char *text)
{
	client_attach(kinds, strlen(kinds));
	client_send(text, strlen(text) + 1);
	do
		stage_run();
	while (clients_read());
}

/* As a user who has to prove flows, and whose rings are watched: with the listening socket of this kind. */
static void steer(unsigned number, const char *handle, char socket)
{
	char text[512], kinds[3] = { handle[0], 'a' };

	client_select(2);
	play("", METHOD("Acquire") "}");
	snprintf(text, sizeof(text),
		 METHOD("Register") ",\"parameters\":{\"leaseId\":\"%08x\",\"handleFileDescriptor\":0,\"queue\":0,"
		 "\"ring\":3,\"areaFileDescriptor\":1,\"areaSize\":65536,\"refillEntries\":16}}", number);
	play(kinds, text);
	kinds[1] = socket;
	snprintf(text, sizeof(text),
		 METHOD("AddFlow") ",\"parameters\":{\"leaseId\":\"%08x\",\"handleFileDescriptor\":0,"
		 "\"socketFileDescriptor\":1}}", number);
	play(kinds, text);
}

static struct lease *lease(unsigned number)
{
	return leases_find(&stage.manager->leases, number);
}

static struct device *device(void)
{
	return devices_find(&stage.manager->devices, "sim0");
}

static const struct nic_state *nic(void)
{
	size_t slot;

	assert_int_equal(sim_find(sim_of(stage.sim), STAGE_IFINDEX, &slot), 0);
	return sim_state(sim_of(stage.sim), slot);
}

static void come_to_rest(void)
{
	stage_pass(5000);
	assert_true(device_has_look(device()));
}

static int set_up(void **state)
{
	clients_prepare();
	stage_build();
	sim_features(stage.sim)->control = true;
	sim_features(stage.sim)->guard = true;
	stage_boot(NULL, 0);
	steer(1, "0", 'l');
	assert_non_null(lease(1));
	assert_int_equal(lease(1)->state, LEASE_STEERED);
	assert_int_equal(lease(1)->n_proofs, 1);
	assert_true(lease(1)->per_queue[0].watched);
	come_to_rest();
	sim_set_quiet(stage.sim, true); /* whatever follows */
	return 0;
}

static int tear_down(void **state)
{
	sim_set_quiet(stage.sim, false);
	clients_leave();
	stage_settle();
	stage_stop();
	return 0;
}

/* In so many milliseconds. */
static bool comes_true(bool (*predicate)(void), unsigned within)
{
	for (unsigned passed = 0; passed < within && !predicate(); passed += 50) {
		stage_clock_pass(50000);
		stage_run();
	}
	return predicate();
}

static unsigned turns_in(unsigned milliseconds)
{
	stage.n_turns = 0;
	stage_pass(milliseconds);
	return stage.n_turns;
}

/* ------------------------------------------------------------------------------- wake-ups */

static void test_a_lease_at_rest_takes_one_wake_up_a_second(void **state)
{
	unsigned n = turns_in(MINUTE);

	assert_in_range(n, MINUTE / SOON, WAKE_UPS);
}

static void test_more_leases_take_no_more(void **state)
{
	unsigned n;

	sim_set_quiet(stage.sim, false);
	steer(2, "1", 'f');
	assert_non_null(lease(2));
	come_to_rest();
	n = turns_in(MINUTE);
	assert_in_range(n, MINUTE / SOON, WAKE_UPS);
}

static void test_without_leases_nothing_wakes_it(void **state)
{
	clients_leave();
	stage_pass(15000);
	assert_null(lease(1));
	assert_int_equal(turns_in(MINUTE), 0);
}

/* Whatever happens once is over soon. */
static void test_it_comes_to_rest_again(void **state)
{
	unsigned n;

	sim_set_quiet(stage.sim, false);
	assert_int_equal(sim_set_up(stage.sim, STAGE_IFINDEX, false), 0);
	assert_true(turns_in(1000) > 2);
	assert_int_equal(sim_set_up(stage.sim, STAGE_IFINDEX, true), 0);
	stage_pass(15000);
	come_to_rest();
	n = turns_in(MINUTE);
	assert_in_range(n, MINUTE / SOON, WAKE_UPS);
}

/* --------------------------------------------------------------------- what nobody tells of */

static bool table_is_narrow(void)
{
	return rss_table_span(&nic()->rss) <= QUEUE;
}

static void test_a_table_is_closed(void **state)
{
	assert_int_equal(sim_foreign_step(stage.sim, STAGE_IFINDEX, &(struct step){ .op = STEP_RSS }), 0);
	assert_false(table_is_narrow());
	assert_true(comes_true(table_is_narrow, SOON));
}

static bool lease_ends(void)
{
	return !lease(1) || lease(1)->state >= LEASE_DRAINING;
}

static void test_a_foreign_rule_ends_the_lease(void **state)
{
	const struct nic_rule rule = { .location = 100, .action = RULE_TO_QUEUE, .target = QUEUE };

	assert_int_equal(sim_foreign_rule(stage.sim, STAGE_IFINDEX, &rule), 0);
	assert_true(comes_true(lease_ends, SOON));
	assert_int_equal(sim_remove_rule(stage.sim, STAGE_IFINDEX, 100), 0);
	stage_pass(5000);
}

static void test_accelerated_rfs_ends_the_lease(void **state)
{
	assert_int_equal(sim_set_rfs(stage.sim, STAGE_IFINDEX, QUEUE, true), 0);
	assert_true(comes_true(lease_ends, SOON));
	assert_int_equal(sim_set_rfs(stage.sim, STAGE_IFINDEX, QUEUE, false), 0);
	stage_pass(5000);
}

static bool has_rule(void)
{
	return nic()->n_rules == 1;
}

static bool has_no_rule(void)
{
	return nic()->n_rules == 0;
}

static void test_a_lost_rule_comes_back(void **state)
{
	assert_true(has_rule());
	assert_int_equal(sim_remove_rule(stage.sim, STAGE_IFINDEX, nic()->rules[0].location), 0);
	assert_true(comes_true(has_rule, SOON));
}

static bool is_guarded(void)
{
	return sim_count_guarded(stage.sim, STAGE_IFINDEX) == 1;
}

static void test_a_lost_guard_comes_back(void **state)
{
	assert_true(is_guarded());
	assert_int_equal(sim_remove_guard(stage.sim, STAGE_IFINDEX), 0);
	assert_false(is_guarded());
	assert_true(comes_true(is_guarded, SOON));
}

static void test_a_proof_that_ends_takes_its_rule_along(void **state)
{
	client_stray_socket('l');
	assert_true(comes_true(has_no_rule, SOON));
	sim_stray_socket(stage.sim, 0);
}

/* The look that was there before it did not know of it. */
static void test_a_proof_that_came_later_is_looked_at_too(void **state)
{
	play("0w", METHOD("AddFlow") ",\"parameters\":{\"leaseId\":\"00000001\",\"handleFileDescriptor\":0,"
				     "\"socketFileDescriptor\":1}}");
	assert_int_equal(nic()->n_rules, 2);
	assert_false(device_has_look(device()));
	come_to_rest();
	client_stray_socket('w');
	assert_true(comes_true(has_rule, SOON));
	sim_stray_socket(stage.sim, 0);
}

static bool is_reserved(void)
{
	return lease(1) && lease(1)->state == LEASE_RESERVED;
}

static void test_a_lease_without_rings_is_reserved_again(void **state)
{
	assert_int_equal(sim_ring_closed(stage.sim, STAGE_IFINDEX, QUEUE), 0);
	assert_true(comes_true(is_reserved, 2 * SOON));
}

static bool is_short(void)
{
	return lease(1)->per_queue[0].supply.missed == 20;
}

static void test_packets_without_buffers_are_counted(void **state)
{
	sim_set_counters(stage.sim, STAGE_IFINDEX, QUEUE, 1000, 10, 0);
	stage_pass(3000);
	assert_true(lease(1)->per_queue[0].supply.known);
	assert_true(device_has_look(device()));
	sim_set_counters(stage.sim, STAGE_IFINDEX, QUEUE, 2000, 30, 0);
	assert_true(comes_true(is_short, SOON));
}

/* Else a queue that had much to receive would not be found dry later. */
static void test_what_came_without_a_word_is_counted_before_what_did_not(void **state)
{
	sim_set_counters(stage.sim, STAGE_IFINDEX, QUEUE, 10, 0, 0);
	stage_pass(3000);
	assert_true(lease(1)->per_queue[0].supply.known);
	sim_set_counters(stage.sim, STAGE_IFINDEX, QUEUE, 1000000, 0, 0);
	stage_pass(3000);
	assert_true(device_has_look(device()));
	sim_set_counters(stage.sim, STAGE_IFINDEX, QUEUE, 1000010, 20, 0);
	stage_pass(SOON);
	assert_true(lease(1)->per_queue[0].supply.failing);
}

static bool has_other_napi(void)
{
	return lease(1)->per_queue[0].napi_id == 4711;
}

static void test_another_napi_is_told(void **state)
{
	sim_set_napi(stage.sim, STAGE_IFINDEX, QUEUE, 4711);
	assert_true(comes_true(has_other_napi, SOON));
}

#define AT_REST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AT_REST(test_a_lease_at_rest_takes_one_wake_up_a_second),
		AT_REST(test_more_leases_take_no_more),
		AT_REST(test_without_leases_nothing_wakes_it),
		AT_REST(test_it_comes_to_rest_again),
		AT_REST(test_a_table_is_closed),
		AT_REST(test_a_foreign_rule_ends_the_lease),
		AT_REST(test_accelerated_rfs_ends_the_lease),
		AT_REST(test_a_lost_rule_comes_back),
		AT_REST(test_a_lost_guard_comes_back),
		AT_REST(test_a_proof_that_ends_takes_its_rule_along),
		AT_REST(test_a_proof_that_came_later_is_looked_at_too),
		AT_REST(test_a_lease_without_rings_is_reserved_again),
		AT_REST(test_packets_without_buffers_are_counted),
		AT_REST(test_what_came_without_a_word_is_counted_before_what_did_not),
		AT_REST(test_another_napi_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
