/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What somebody does to the netkit device of a lease: it is called otherwise, or goes to another network
 * namespace. The kernel says of both what it says of a device that comes or goes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"

static struct daemon d;

static int start(void **state)
{
	daemon_start(&d, NULL);
	return 0;
}

static int stop(void **state)
{
	daemon_stop(&d);
	return 0;
}

/* It is known by its index: the lease goes on, and takes it along when it ends. */
static void test_renamed(void **state)
{
	struct client c;

	assert_null(client_open(&d, &c, CLIENT_STEERED));
	assert_int_equal(sim_rename_netkit(d.sim, "mine0"), 0);
	usleep(200000); /* longer than a loss is waited for */
	assert_string_equal(lease_state(&d, c.id), "steered");
	client_close(&c);
	wait_until_clean(&d);
}

/* The lease is over, and its queue comes back, since the device is found where it is. */
static void test_moved(void **state)
{
	struct client c;

	for (enum client_state s = CLIENT_RESERVED; s <= CLIENT_STEERED; s++) {
		assert_null(client_open_queues(&d, &c, 2, s));
		assert_int_equal(sim_move_netkit(d.sim), 0);
		wait_for_hangup(c.handle);
		wait_until_clean(&d);
		client_close(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_renamed, start, stop),
		cmocka_unit_test_setup_teardown(test_moved, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
