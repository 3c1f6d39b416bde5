/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard of steered flows: it is there before a rule, and goes after it; what becomes of flows that
 * cannot be guarded. What it does to segments is shown on the kernel, in tests/system/test_guard.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock.h"
#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name
#define INTERFACES "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"

static int setup(void **state)
{
	static struct daemon d;

	daemon_start(&d, NULL);
	*state = &d;
	return 0;
}

static int setup_refusing(void **state)
{
	static struct daemon d;

	daemon_prepare(&d, INTERFACES);
	sim_features(d.sim)->guard = false;
	daemon_run(&d);
	*state = &d;
	return 0;
}

static int setup_allowing(void **state)
{
	static struct daemon d;

	daemon_prepare(&d, "unsafe-kernel: allow\n" INTERFACES);
	sim_features(d.sim)->guard = false;
	daemon_run(&d);
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	sim_fail_operation(((struct daemon *)*state)->sim, NULL, 0, NULL);
	daemon_stop(*state);
	return 0;
}

static bool is_guarded(struct daemon *d, uint16_t port)
{
	struct flow f = { .protocol = FLOW_TCP4, .destination = { { 127, 0, 0, 1 }, 32 },
			  .destination_port = port };

	return sim_is_guarded(d->sim, SIM0, &f);
}

static void wait_for_guarded(struct daemon *d, size_t n)
{
	for (int i = 0; i < 4000 && sim_count_guarded(d->sim, SIM0) != n; i++)
		usleep(5000);
	assert_int_equal(sim_count_guarded(d->sim, SIM0), n);
}

static sd_json_variant *describe(sd_varlink *link)
{
	sd_json_variant *reply;

	assert_null(call(link, "Describe", &reply, "{}"));
	return reply;
}

/* What is on the way to the queue when the rule goes is guarded still. Clients poll once a second at
 * least: it takes longer than that. */
static void test_as_long_as_a_flow_is_steered(void **state)
{
	struct daemon *d = *state;
	struct client a, b;
	uint64_t begin;
	uint16_t port;

	assert_null(client_open(d, &a, CLIENT_STEERED));
	assert_null(client_open(d, &b, CLIENT_STEERED));
	assert_true(is_guarded(d, a.port));
	assert_true(is_guarded(d, b.port));
	port = a.port;
	begin = now_usec(CLOCK_MONOTONIC);
	client_close(&a);
	wait_for_rules(d, 1);
	assert_true(is_guarded(d, port));
	wait_for_guarded(d, 1);
	assert_true(now_usec(CLOCK_MONOTONIC) - begin >= 3000000);
	assert_true(is_guarded(d, b.port));
	client_close(&b);
	wait_until_clean(d);
	wait_for_guarded(d, 0);
}

static void test_no_rule_without_it(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	sim_fail_operation(d->sim, "guard the flows", ENOBUFS, "no room");
	assert_string_equal(client_add_flow(&c), OURS("KernelRejected"));
	wait_for_rules(d, 0);
	sim_fail_operation(d->sim, NULL, 0, NULL);
	assert_null(client_add_flow(&c));
	assert_true(is_guarded(d, c.port));
	client_close(&c);
	wait_until_clean(d);
}

/* An interface that is renamed loses it. */
static void test_one_that_is_gone_comes_back(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_int_equal(sim_remove_guard(d->sim, SIM0), 0);
	wait_for_guarded(d, 1);
	assert_string_equal(lease_state(d, c.id), "steered");
	client_close(&c);
	wait_until_clean(d);
}

static void test_one_that_cannot_come_back_ends_the_lease(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	sim_fail_operation(d->sim, "look at the guard", EPERM, NULL);
	wait_for_hangup(c.handle);
	wait_for_rules(d, 0);
	sim_fail_operation(d->sim, NULL, 0, NULL);
	client_close(&c);
	wait_until_clean(d);
}

static void test_restore_leaves_none(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_null(call(link, "Restore", NULL, "{\"interface\":\"sim0\",\"force\":true}"));
	assert_int_equal(sim_count_guarded(d->sim, SIM0), 0);
	client_close(&c);
}

static void test_a_kernel_that_cannot(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply;
	struct client c;

	assert_non_null(strstr(text_of(describe(link), "unsafeKernel"), "no flow is steered"));
	assert_null(client_open(d, &c, CLIENT_BOUND));
	assert_string_equal(client_add_flow(&c), OURS("NotSupported"));
	wait_for_rules(d, 0);
	daemon_write_config(d, "unsafe-kernel: allow\n" INTERFACES);
	assert_null(call(link, "Reload", &reply, "{}"));
	assert_null(client_add_flow(&c));
	wait_for_rules(d, 1);
	client_close(&c);
	wait_until_clean(d);
}

static void test_a_kernel_that_cannot_and_is_trusted(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	struct client c;

	assert_non_null(strstr(text_of(describe(link), "unsafeKernel"), "can crash this machine"));
	assert_null(client_open(d, &c, CLIENT_STEERED));
	wait_for_rules(d, 1);
	client_close(&c);
	wait_until_clean(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_as_long_as_a_flow_is_steered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_rule_without_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_is_gone_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_cannot_come_back_ends_the_lease, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_restore_leaves_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_kernel_that_cannot, setup_refusing, teardown),
		cmocka_unit_test_setup_teardown(test_a_kernel_that_cannot_and_is_trusted, setup_allowing,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
