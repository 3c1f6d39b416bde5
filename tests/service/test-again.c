/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nothing that failed once leaves an interface degraded for good. One scene: a change waits for a lease,
 * the link comes up, and the lease ends; in it every operation on the machine fails, one after the other.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"

static const char fewer[] = "interfaces:\n  - name: sim0\n    channels: %u\n    zero-copy-queues: 2\n"
			    "policy:\n  - flows: any\n    administer: true\n";

static sd_json_variant *interface_of(sd_varlink *link)
{
	sd_json_variant *reply;

	assert_null(call(link, "Describe", &reply, "{}"));
	return sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0);
}

static void wait_until_configured(sd_varlink *link, unsigned channels, unsigned n)
{
	sd_json_variant *v = NULL;

	for (unsigned i = 0; i < 3000; i++) {
		v = interface_of(link);
		if (streq(text_of(v, "state"), "configured") &&
		    number_of(v, "combinedChannels") == channels)
			return;
		usleep(10000);
	}
	fail_msg("with operation %u failing it stays %s: \"%s\"", n, text_of(v, "state"),
		 text_of(v, "reason"));
}

static void set_channels(struct daemon *d, unsigned channels)
{
	char text[512];

	snprintf(text, sizeof(text), fewer, channels);
	daemon_write_config(d, text);
}

/* The link's events are looked at on the loop, and on the worker. */
static void link_bounces(struct daemon *d, sd_varlink *link)
{
	assert_int_equal(sim_set_up(d->sim, SIM0, false), 0);
	(void)interface_of(link);
	assert_int_equal(sim_set_up(d->sim, SIM0, true), 0);
	for (unsigned i = 0; i < 3; i++)
		(void)interface_of(link);
}

/* The n-th operation from the link's event on fails; 0: none. Returns how many there were. */
static unsigned play(struct daemon *d, sd_varlink *link, unsigned n)
{
	struct client c;
	char id[sizeof(c.id)];
	unsigned before;

	set_channels(d, 8);
	assert_null(call(link, "Reload", NULL, "{}"));
	wait_until_configured(link, 8, n);
	/* The last of the queues, which go. */
	assert_null(client_open(d, &c, CLIENT_BOUND));
	set_channels(d, 4);
	assert_null(call(link, "Reload", NULL, "{}"));
	assert_string_equal(text_of(interface_of(link), "state"), "degraded");
	before = sim_operations(d->sim);
	assert_int_equal(sim_fail_at(d->sim, n, EIO, "simulated failure"), 0);
	link_bounces(d, link);
	snprintf(id, sizeof(id), "%s", c.id);
	client_close(&c);
	while (!streq(lease_state(d, id), "gone"))
		usleep(1000);
	for (unsigned i = 0; i < 3; i++)
		(void)interface_of(link);
	before = sim_operations(d->sim) - before;
	/* What has not failed by now does not any more. */
	(void)sim_fail_at(d->sim, 0, 0, NULL);
	wait_until_clean(d);
	wait_until_configured(link, 4, n);
	return before;
}

static void test_every_failure_is_followed_by_a_try(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	struct daemon d;
	unsigned total;

	daemon_start(&d, NULL);
	link = daemon_connect(&d);
	total = play(&d, link, 0);
	print_message("%u operations\n", total);
	for (unsigned n = 1; n <= total && n <= 40; n++)
		(void)play(&d, link, n);
	daemon_stop(&d);
}

/* It says so; and what the NIC refuses for good is not tried again and again, as that interrupts traffic. */
static void test_a_permanent_refusal_is_not_retried(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	struct daemon d;
	unsigned failed;

	daemon_start(&d, NULL);
	link = daemon_connect(&d);
	sim_fail_operation(d.sim, "set channels", EINVAL, "not this many");
	set_channels(&d, 6);
	assert_null(call(link, "Reload", NULL, "{}"));
	assert_string_equal(text_of(interface_of(link), "state"), "degraded");
	assert_non_null(strstr(text_of(interface_of(link), "reason"), "(next try in "));
	failed = sim_failures(d.sim);
	assert_true(failed > 0);
	sleep(4); /* two tries and more */
	assert_int_equal(sim_failures(d.sim), failed);
	/* Somebody asks for it by hand, and the NIC can now. */
	sim_fail_operation(d.sim, NULL, 0, NULL);
	assert_null(call(link, "Apply", NULL, "{\"interface\":\"sim0\"}"));
	wait_until_configured(link, 6, 0);
	/* For another reason it is tried again. */
	sim_fail_operation(d.sim, "set channels", EBUSY, "not now");
	set_channels(&d, 8);
	assert_null(call(link, "Reload", NULL, "{}"));
	failed = sim_failures(d.sim);
	while (sim_failures(d.sim) == failed)
		usleep(10000);
	sim_fail_operation(d.sim, NULL, 0, NULL);
	wait_until_configured(link, 8, 0);
	daemon_stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_failure_is_followed_by_a_try),
		cmocka_unit_test(test_a_permanent_refusal_is_not_retried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
