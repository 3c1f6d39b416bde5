/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A daemon whose record is lost finds the netkit device of a lease that nobody knows of, with a ring that
 * lives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store.h"
#include "subject.h"

static struct world world;
static struct subject subject;

static int setup(void **state)
{
	world_new(&world, NULL);
	return 0;
}

static int teardown(void **state)
{
	world_free(&world);
	return 0;
}

/* The record of it is gone, and so is the daemon. */
static int lose_lease(void **state)
{
	assert_true(world_start(&world, 0));
	assert_null(subject_acquire(&world, &subject, "{}"));
	assert_null(subject_register(&world, &subject, 0));
	assert_int_equal(store_count("ifq-"), 1);
	world_kill(&world);
	unlink(world.d.state_path);
	return 0;
}

static int end_lease(void **state)
{
	subject_end(&world, &subject);
	wait_until_clean(&world.d);
	assert_int_equal(store_count("ifq-"), 0);
	world_kill(&world);
	return 0;
}

static bool is_leased(void)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(&world.d);

	return s->queues[4].leased; /* the first of those for zero-copy receive */
}

static void test_orphaned_devices_are_deleted(void **state)
{
	assert_true(world_start(&world, 0));
	assert_false(is_leased());
}

/* Deleting it would hold up the kernel's network configuration: it waits for a daemon that may. */
static void test_devices_with_added_areas_are_kept(void **state)
{
	sim_hold_areas(world.d.sim, true);
	for (int i = 0; i < 2; i++) {
		assert_true(world_start(&world, 0));
		assert_true(is_leased());
		assert_int_equal(store_count("ifq-"), 1);
		world_kill(&world);
	}
	sim_hold_areas(world.d.sim, false);
	assert_true(world_start(&world, 0));
	assert_false(is_leased());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_orphaned_devices_are_deleted, lose_lease, end_lease),
		cmocka_unit_test_setup_teardown(test_devices_with_added_areas_are_kept, lose_lease, end_lease),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
