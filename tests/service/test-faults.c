/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For every N: the N-th kernel operation of a lease's life fails. Whatever the client was told, when
 * it is gone nothing of it is left, and the next client gets a lease.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"

static void test_every_failure(void **state)
{
	static const char *const expected[] = { "io.zcrx.Manager.KernelRejected",
						"io.zcrx.Manager.InvalidRing" };
	struct daemon d;
	unsigned failed = 0, before, total;
	struct client c;

	daemon_start(&d, NULL);
	before = sim_operations(d.sim);
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	client_close(&c);
	wait_until_clean(&d);
	total = sim_operations(d.sim) - before;
	assert_true(total > 5);

	for (unsigned n = 1; n <= total; n++) {
		const char *error;

		assert_int_equal(sim_fail_at(d.sim, n, EIO, "simulated failure"), 0);
		error = client_open(&d, &c, CLIENT_STEERED);
		if (error) {
			failed++;
			if (!streq(error, expected[0]) && !streq(error, expected[1]))
				fail_msg("operation %u of %u: %s", n, total, error);
		}
		client_close(&c);
		/* What is left of the failure would hit the observation instead. */
		(void)sim_fail_at(d.sim, 0, 0, NULL);
		wait_until_clean(&d);
		assert_null(client_open(&d, &c, CLIENT_STEERED));
		client_close(&c);
		wait_until_clean(&d);
	}
	print_message("%u operations in a lease's life; %u of their failures reached the client\n",
		      total, failed);
	assert_true(failed >= 4);
	daemon_stop(&d);
}

/* Whoever is refused learns it; so does whoever reads the journal. */
static void test_a_driver_that_closed_the_interface_is_told_of(void **state)
{
	static const char text[] = "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"queue\":0,\"ring\":0,"
				   "\"areaFileDescriptor\":1,\"areaSize\":65536,\"refillEntries\":16}";
	struct daemon d;
	int area = area_new(65536);
	sd_json_variant *reply;
	struct client c;

	daemon_start(&d, NULL);
	for (int closes = 0; closes < 2; closes++) {
		if (closes)
			sim_set_failure_closes(d.sim);
		assert_null(client_open(&d, &c, CLIENT_RESERVED));
		sim_fail_operation(d.sim, "register the interface queue", EIO, "no");
		assert_string_equal(call_fds(c.link, "Register", (int[]){ c.handle, area }, 2, &reply,
					     text, c.id), "io.zcrx.Manager.KernelRejected");
		assert_int_equal(closes, !!strstr(text_of(reply, "message"),
						  "sim0 was up before and is down now: its driver has closed it. "
						  "Bring it up (ip link set sim0 up)."));
		sim_fail_operation(d.sim, NULL, 0, NULL);
		client_close(&c);
	}
	close(area);
	daemon_stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_failure),
		cmocka_unit_test(test_a_driver_that_closed_the_interface_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
