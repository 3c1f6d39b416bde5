/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A daemon finds leases of the one before it whose device must not be deleted now: an area is being added
 * to a queue of it (Linux 7.3), or that cannot be told, because an older daemon has left no export. And
 * areas of leases that are over.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lease.h"
#include "store.h"
#include "subject.h"

static struct world world;
static struct subject subject;

static int setup(void **state)
{
	char config[512];

	snprintf(config, sizeof(config),
		 "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
		 "policy:\n  - user: \"%u\"\n    flows: any\n    administer: true\n"
		 "    max-area: 128K\n", (unsigned)getuid());
	world_new(&world, config);
	return 0;
}

static int teardown(void **state)
{
	world_free(&world);
	return 0;
}

static int start_steered(void **state)
{
	assert_true(world_start(&world, 0));
	assert_null(subject_acquire(&world, &subject, "{}"));
	assert_null(subject_register(&world, &subject, 0));
	assert_null(subject_add_socket(&world, &subject));
	return 0;
}

static int start_without_export(void **state)
{
	sim_features(world.d.sim)->control = false;
	(void)start_steered(state);
	assert_int_equal(store_count("ifq-"), 0);
	world_kill(&world);
	sim_features(world.d.sim)->control = true;
	assert_true(world_start(&world, 0));
	return 0;
}

static int end_all(void **state)
{
	(void)sim_ring_closed(world.d.sim, SIM0, 4);
	(void)sim_ring_closed(world.d.sim, SIM0, 5);
	subject_end(&world, &subject);
	wait_until_clean(&world.d);
	for (unsigned i = 0; i < 5000 && store_count("ifq-") > 0; i++)
		usleep(1000);
	assert_int_equal(store_count("ifq-"), 0);
	world_kill(&world);
	return 0;
}

static bool is_leased(void)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(&world.d);

	return s->queues[4].leased; /* the first of those for zero-copy receive */
}

static void wait_for_state(const char *state)
{
	for (unsigned i = 0; i < 5000 && !streq(lease_state(&world.d, subject.id), state); i++)
		usleep(2000);
	assert_string_equal(lease_state(&world.d, subject.id), state);
}

/* Every daemon asks anew, and none deletes it. */
static void test_held_over_restarts(void **state)
{
	sim_hold_areas(world.d.sim, true);
	assert_null(call(world.link, "Revoke", NULL, "{\"leaseId\":\"%s\"}", subject.id));
	for (unsigned i = 0; i < 3; i++) {
		wait_for_state("quarantined");
		assert_true(is_leased());
		assert_int_equal(store_count("ifq-"), 1);
		wait_for_rules(&world.d, 0);
		world_kill(&world);
		assert_true(world_start(&world, 0));
	}
	sim_hold_areas(world.d.sim, false);
	wait_for_state("gone");
	assert_false(is_leased());
}

/* What it has goes on, and it may be steered further. */
static void test_older_lease_goes_on(void **state)
{
	assert_string_equal(lease_state(&world.d, subject.id), "steered");
	wait_for_rules(&world.d, 2);
	assert_null(subject_add_value(&world, &subject));
	wait_for_rules(&world.d, 3);
	world_kill(&world);
	assert_true(world_start(&world, 0));
	assert_string_equal(lease_state(&world.d, subject.id), "steered");
}

/* Its ring goes first. */
static void test_older_lease_ends(void **state)
{
	close(TAKE_FD(subject.handle));
	wait_for_state("draining");
	wait_for_rules(&world.d, 0);
	usleep(500000);
	assert_true(is_leased());
	assert_int_equal(sim_ring_closed(world.d.sim, SIM0, 4), 0);
	wait_for_state("gone");
	assert_false(is_leased());
}

/* Until the ring goes, also if that happens while no daemon is there. */
static void test_lingering_area(void **state)
{
	uint32_t id;

	assert_int_equal(lease_id_parse(subject.id, &id), 0);
	assert_null(subject_call(&world, &subject, "Release"));
	wait_for_state("gone");
	close(TAKE_FD(subject.handle));
	for (unsigned i = 0; i < 2; i++) {
		world_kill(&world);
		assert_true(world_start(&world, 0));
	}
	assert_null(subject_acquire(&world, &subject, "{\"queues\":2}"));
	assert_null(subject_register(&world, &subject, 0));
	assert_string_equal(subject_register(&world, &subject, 1), "io.zcrx.Manager.QuotaExceeded");
	world_kill(&world);
	sim_watched_ring_closed(world.d.sim, nic_ring_key(id, 0));
	assert_true(world_start(&world, 0));
	assert_null(subject_register(&world, &subject, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_held_over_restarts, start_steered, end_all),
		cmocka_unit_test_setup_teardown(test_older_lease_goes_on, start_without_export, end_all),
		cmocka_unit_test_setup_teardown(test_older_lease_ends, start_without_export, end_all),
		cmocka_unit_test_setup_teardown(test_lingering_area, start_steered, end_all),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
