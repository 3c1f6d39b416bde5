/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The carve-out changes while leases are held: what does not touch them is done at once, what does
 * waits and says for whom, and follows when they have ended. And what is said of a NIC that could not
 * be put back.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "harness.h"
#include "baseline.h"

#define OURS(name) "io.zcrx.Manager." name

static void configure(struct daemon *d, sd_varlink *link, unsigned channels, unsigned zero_copy,
		      unsigned ring, sd_json_variant **ret_told)
{
	sd_json_variant *reply;
	char text[512];

	snprintf(text, sizeof(text),
		 "interfaces:\n  - name: sim0\n    channels: %u\n    zero-copy-queues: %u\n"
		 "    rx-ring: %u\npolicy:\n  - flows: any\n    administer: true\n",
		 channels, zero_copy, ring);
	daemon_write_config(d, text);
	assert_null(call(link, "Reload", &reply, "{}"));
	*ret_told = reply;
}

static size_t words(sd_json_variant *told, const char *of)
{
	return sd_json_variant_elements(sd_json_variant_by_key(told, of));
}

static sd_json_variant *interface_of(sd_varlink *link)
{
	sd_json_variant *reply;

	assert_null(call(link, "Describe", &reply, "{}"));
	return sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0);
}

static void expect_state(sd_varlink *link, const char *state, const char *reason)
{
	sd_json_variant *i = interface_of(link);

	/* After it, there may be when it is tried again. */
	if (!streq(text_of(i, "state"), state) || !strstr(text_of(i, "reason"), reason))
		fail_msg("it is %s: \"%s\"", text_of(i, "state"), text_of(i, "reason"));
}

/* It follows by itself. */
static void wait_for_state(sd_varlink *link, const char *state)
{
	for (unsigned i = 0; i < 1000 && !streq(text_of(interface_of(link), "state"), state); i++)
		usleep(10000);
	assert_string_equal(text_of(interface_of(link), "state"), state);
}

static unsigned rss_span(struct daemon *d)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(d);

	return rss_table_span(&s->rss);
}

static unsigned channels_now(struct daemon *d)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(d);

	return s->channels.combined;
}

static sd_json_variant *change(sd_varlink *link, const char *method, size_t index, size_t n)
{
	sd_json_variant *reply, *changes;

	assert_null(call(link, method, &reply, "{}"));
	changes = sd_json_variant_by_key(reply, "changes");
	if (sd_json_variant_elements(changes) != n) {
		sd_json_variant_dump(reply, SD_JSON_FORMAT_PRETTY, stderr, NULL);
		fail_msg("%s: %zu changes", method, sd_json_variant_elements(changes));
	}
	return sd_json_variant_by_index(changes, index);
}

static void expect_blocked(sd_json_variant *c, const char *step, const char *id)
{
	sd_json_variant *by = sd_json_variant_by_key(c, "blockedBy");

	assert_string_equal(text_of(c, "step"), step);
	assert_int_equal(sd_json_variant_elements(by), 1);
	assert_string_equal(sd_json_variant_string(sd_json_variant_by_index(by, 0)), id);
}

static void test_carve_out(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	char expected[256];
	sd_json_variant *told, *c;
	struct client holder, other;
	struct daemon d;

	daemon_start(&d, NULL);
	link = daemon_connect(&d);
	assert_null(client_open(&d, &holder, CLIENT_BOUND)); /* queue 4 */

	/* Growing takes from the ordinary ones alone. */
	configure(&d, link, 8, 6, 512, &told);
	assert_int_equal(words(told, "waiting") + words(told, "warnings"), 0);
	expect_state(link, "configured", "");
	assert_int_equal(rss_span(&d), 2);

	/* Shrinking goes as far as the lease. */
	configure(&d, link, 8, 2, 512, &told);
	snprintf(expected, sizeof(expected),
		 "rss equal over 4 of 8 queues -> equal over 6 of 8 queues waits for lease %s "
		 "(queue 4)", holder.id);
	assert_int_equal(words(told, "waiting"), 1);
	expect_state(link, "degraded", expected);
	assert_int_equal(rss_span(&d), 4);
	assert_int_equal(number_of(interface_of(link), "zeroCopyFirst"), 4);
	c = change(link, "Plan", 0, 1);
	expect_blocked(c, "rss", holder.id);
	assert_string_equal(text_of(c, "outcome"), "");
	c = change(link, "Apply", 0, 1);
	expect_blocked(c, "rss", holder.id);
	assert_string_equal(text_of(c, "outcome"), "waits");
	snprintf(expected, sizeof(expected), "Waits for lease %s (queue 4)", holder.id);
	assert_string_equal(text_of(c, "message"), expected);
	assert_int_equal(number_of(interface_of(link), "zeroCopyCount"), 4);

	/* A lease meanwhile gets one of those that stay. */
	assert_null(client_open(&d, &other, CLIENT_BOUND));
	{
		_cleanup_(nic_state_freep) struct nic_state *s = observe(&d);

		assert_true(s->queues[6].io_uring);
		assert_false(s->queues[5].io_uring);
	}
	client_close(&holder);
	wait_for_state(link, "configured");
	assert_int_equal(rss_span(&d), 6);
	assert_string_equal(lease_state(&d, other.id), "bound");
	client_close(&other);
	wait_until_clean(&d);
	daemon_stop(&d);
}

static void test_channels(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	sd_json_variant *told, *c, *reply;
	struct client first, second;
	struct daemon d;

	daemon_start(&d, NULL);
	link = daemon_connect(&d);
	assert_null(client_open(&d, &first, CLIENT_BOUND));
	assert_null(client_open(&d, &second, CLIENT_BOUND));
	configure(&d, link, 16, 4, 1024, &told);
	assert_int_equal(channels_now(&d), 8);
	c = change(link, "Plan", 0, 3);
	assert_string_equal(text_of(c, "step"), "rings");
	assert_int_equal(sd_json_variant_elements(sd_json_variant_by_key(c, "blockedBy")), 2);
	c = change(link, "Plan", 1, 3);
	assert_string_equal(text_of(c, "step"), "channels");
	assert_string_equal(text_of(c, "to"), "combined 16");
	assert_string_equal(text_of(c, "effect"),
			    "the link may bounce: nothing is known of simulated");
	/* Who came now would keep it from being done. */
	assert_string_equal(call(link, "Acquire", &reply, "{}"), OURS("NoQueueAvailable"));
	assert_non_null(strstr(text_of(reply, "message"), first.id));
	assert_non_null(strstr(text_of(reply, "message"), second.id));
	client_close(&first);
	client_close(&second);
	wait_for_state(link, "configured");
	assert_int_equal(channels_now(&d), 16);
	assert_int_equal(rss_span(&d), 12);
	daemon_stop(&d);
}

/* A ring size is not worth turning clients away. */
static void test_ring(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	struct client first, second;
	sd_json_variant *told;
	struct daemon d;

	daemon_start(&d, NULL);
	link = daemon_connect(&d);
	assert_null(client_open(&d, &first, CLIENT_BOUND));
	configure(&d, link, 8, 4, 1024, &told);
	wait_for_state(link, "degraded");
	assert_null(client_open(&d, &second, CLIENT_STEERED));
	client_close(&first);
	client_close(&second);
	wait_for_state(link, "configured");
	s = observe(&d);
	assert_int_equal(s->rx_ring, 1024);
	daemon_stop(&d);
}

/* Whether it says both the failure and that of putting it back, if everything fails from the n-th operation on. */
static bool undo_fails(unsigned n)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	sd_json_variant *told, *reply;
	struct daemon d;
	bool both;

	daemon_start(&d, NULL);
	link = daemon_connect(&d);
	assert_int_equal(sim_fail_range(d.sim, n, 1000, EIO, "no more"), 0);
	configure(&d, link, 16, 10, 1024, &told);
	assert_true(words(told, "warnings") >= 1);
	assert_int_equal(sim_fail_at(d.sim, 0, 0, NULL), 0);
	reply = interface_of(link);
	/* Unless it has tried again by now. */
	both = streq(text_of(reply, "state"), "degraded") &&
	       strstr(text_of(reply, "reason"), ": Input/output error (no more).") &&
	       strstr(text_of(reply, "reason"), "Whether it was restored cannot be seen");
	/* It goes on from wherever that has left it. */
	assert_null(call(link, "Apply", NULL, "{}"));
	expect_state(link, "configured", "");
	assert_int_equal(channels_now(&d), 16);
	daemon_stop(&d);
	return both;
}

/* The interfaces are looked for meanwhile, so that the number of the first setting is not always the same. */
static void test_undo_fails(void **state)
{
	unsigned both = 0;

	for (unsigned n = 2; n < 8; n++)
		both += undo_fails(n);
	assert_true(both > 0);
}

/* Somebody else's rule stays, and whoever asks is told that it is in the way. */
static void test_in_the_way(void **state)
{
	const struct nic_rule rule = { .location = 5, .action = RULE_TO_QUEUE, .target = 6 };
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	sd_json_variant *queues, *told;
	struct daemon d;

	daemon_start(&d, NULL);
	link = daemon_connect(&d);
	assert_int_equal(sim_foreign_rule(d.sim, SIM0, &rule), 0);
	queues = sd_json_variant_by_key(interface_of(link), "queues");
	assert_non_null(strstr(text_of(sd_json_variant_by_index(queues, 6), "reason"),
			       "ethtool -N sim0 delete 5"));
	assert_string_equal(text_of(sd_json_variant_by_index(queues, 5), "reason"), "");
	/* It is nobody's lease: nothing waits for it. */
	configure(&d, link, 16, 4, 1024, &told);
	assert_int_equal(words(told, "waiting") + words(told, "warnings"), 0);
	assert_int_equal(channels_now(&d), 16);
	s = observe(&d);
	assert_int_equal(s->n_rules, 1);
	daemon_stop(&d);
}

/* Everything is as it should be, under the default route. */
static void prepare_configured(struct daemon *d)
{
	const struct config_interface c = { .channels_mode = CHANNELS_COUNT, .channels = 8,
					    .zero_copy_queues = 4, .tcp_data_split = true };
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	_cleanup_(plan_freep) struct plan *p = NULL;

	daemon_prepare(d, NULL);
	s = observe(d);
	assert_int_equal(plan_build(&c, s, NULL, &p, NULL), 0);
	for (size_t i = 0; i < p->n_steps; i++)
		assert_int_equal(sim_foreign_step(d->sim, SIM0, &p->steps[i]), 0);
	assert_int_equal(sim_set_default_route(d->sim, SIM0, true), 0);
}

/* An earlier daemon was about to set the split, and whether it did cannot be seen: to set it again is no
 * danger for the default route. */
static void test_configured_before(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	struct nic_state before = { .has_channels = true, .channels.combined = 4 };
	const struct baseline o = { .found = &before };
	_cleanup_free_ char *path = NULL;
	sd_json_variant *reply;
	struct daemon d;

	prepare_configured(&d);
	assert_int_equal(baseline_path(d.directory, SIM0, &path), 0);
	assert_int_equal(baseline_write(path, SIM0, "simulated", &o), 0);
	daemon_run(&d);
	link = daemon_connect(&d);
	expect_state(link, "configured", "");
	assert_null(call(link, "Plan", &reply, "{}"));
	assert_int_equal(sd_json_variant_elements(sd_json_variant_by_key(reply, "changes")), 0);
	daemon_stop(&d);
}

/* Nobody has: where the driver splits by itself, to be told so may be news to it. */
static void test_split_by_driver(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	struct daemon d;

	prepare_configured(&d);
	daemon_run(&d);
	link = daemon_connect(&d);
	expect_state(link, "degraded", "sim0 carries the default route, and these changes may interrupt "
		     "it: tcp-data-split enabled by the driver -> enabled. Nothing was changed. To do it "
		     "nevertheless: zcrxctl apply --force --confirm-within 60s sim0");
	assert_null(call(link, "Apply", NULL, "{\"force\":true}"));
	expect_state(link, "configured", "");
	daemon_stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_carve_out),
		cmocka_unit_test(test_channels),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_undo_fails),
		cmocka_unit_test(test_in_the_way),
		cmocka_unit_test(test_configured_before),
		cmocka_unit_test(test_split_by_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
