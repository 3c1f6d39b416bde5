/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Idle queues that serve RSS until somebody leases them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name

static struct daemon d;

static int start_with(const char *top, const char *driver, const char *keys)
{
	char config[512];

	snprintf(config, sizeof(config),
		 "%sinterfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n    idle-queues: serve\n%s"
		 "  - driver: %s\n    channels: 8\n    zero-copy-queues: 4\n    idle-queues: serve\n"
		 "policy:\n  - user: \"%u\"\n    flows: any\n    administer: true\n", top, keys, driver,
		 (unsigned)getuid());
	daemon_prepare(&d, config);
	return 0;
}

static int set_up(void **state)
{
	start_with("", "none", "");
	daemon_run(&d);
	return 0;
}

static int set_up_kept(void **state)
{
	start_with("", "none", "    keep-free: 1\n");
	daemon_run(&d);
	return 0;
}

static int set_up_report(void **state)
{
	start_with("on-drift: report\n", "none", "");
	daemon_run(&d);
	return 0;
}

static int tear_down(void **state)
{
	daemon_stop(&d);
	return 0;
}

/* A bit for each queue that RSS leads to. */
static unsigned rss(void)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(&d);
	unsigned mask = 0;

	assert_true(rss_table_is_equal(&s->rss));
	for (size_t i = 0; i < s->rss.n; i++)
		mask |= 1U << s->rss.entries[i];
	return mask;
}

static void wait_for_rss(unsigned mask)
{
	for (int i = 0; i < 1000 && rss() != mask; i++)
		usleep(5000);
	assert_int_equal(rss(), mask);
}

/* Somebody's `ethtool -X sim0 equal N`. */
static void ethtool_equal(unsigned queues)
{
	uint32_t table[128];

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
		table[i] = i % queues;
	assert_int_equal(sim_foreign_step(d.sim, SIM0, &(struct step){ .op = STEP_RSS,
							 .to = { .rss = table, .n_rss = ARRAY_SIZE(table) } }), 0);
}

static const char *interface_text(const char *name, const char *key)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
	static char text[512];
	sd_json_variant *reply;

	assert_null(call(link, "Describe", &reply, "{\"interface\":\"%s\"}", name));
	snprintf(text, sizeof(text), "%s",
		 text_of(sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0), key));
	return text;
}

static void test_they_serve_until_they_are_leased_and_after(void **state)
{
	struct client first, second;

	wait_for_rss(0xff);
	assert_null(client_open(&d, &first, CLIENT_RESERVED));
	assert_int_equal(rss(), 0xef);
	assert_null(client_open_queues(&d, &second, 2, CLIENT_BOUND));
	assert_int_equal(rss(), 0x8f);
	client_close(&first);
	wait_for_rss(0x9f);
	client_close(&second);
	wait_for_rss(0xff);
	assert_string_equal(interface_text("sim0", "state"), "configured");
}

static void test_a_queue_is_granted_when_nothing_arrives_any_more(void **state)
{
	struct client c;

	sim_set_arriving(d.sim, SIM0, 4, 10);
	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	assert_int_equal(sim_arriving(d.sim, SIM0), 0);
	client_close(&c);
	wait_until_clean(&d);
}

static void test_a_queue_where_packets_go_on_arriving_is_not_granted(void **state)
{
	struct client c;

	sim_set_arriving(d.sim, SIM0, 4, UINT32_MAX);
	assert_string_equal(client_open(&d, &c, CLIENT_RESERVED), OURS("FlowConflict"));
	client_close(&c);
	wait_for_rss(0xff);
}

static void test_nothing_is_granted_if_rss_cannot_be_taken_away(void **state)
{
	struct client c;

	sim_fail_operation(d.sim, "set rss", EIO, "no");
	assert_string_equal(client_open(&d, &c, CLIENT_RESERVED), OURS("KernelRejected"));
	client_close(&c);
	sim_fail_operation(d.sim, NULL, 0, NULL);
	wait_until_clean(&d); /* the same queue is free again */
	assert_null(client_open(&d, &c, CLIENT_BOUND));
	assert_int_equal(rss(), 0xef);
	client_close(&c);
	wait_until_clean(&d);
}

static void test_a_queue_that_is_kept_free_is_leased_at_once(void **state)
{
	struct client first, second;

	wait_for_rss(0xef);
	/* RSS need not be set for it. */
	sim_fail_operation(d.sim, "set rss", EIO, "no");
	assert_null(client_open(&d, &first, CLIENT_BOUND));
	sim_fail_operation(d.sim, NULL, 0, NULL);
	client_close(&first);
	wait_for_rss(0xef);
	/* Then another one is kept free. */
	assert_null(client_open(&d, &first, CLIENT_BOUND));
	wait_for_rss(0xcf);
	assert_null(client_open(&d, &second, CLIENT_BOUND));
	wait_for_rss(0x8f);
	client_close(&first);
	wait_for_rss(0xcf);
	client_close(&second);
	wait_until_clean(&d);
}

static void test_a_leak_is_closed_and_the_others_go_on_serving(void **state)
{
	struct client c;

	assert_null(client_open(&d, &c, CLIENT_BOUND));
	assert_int_equal(rss(), 0xef);
	ethtool_equal(8);
	wait_for_rss(0xef);
	assert_string_equal(lease_state(&d, c.id), "bound");
	client_close(&c);
	wait_until_clean(&d);
}

/* Before it is bound, the second look is Register's. */
static void test_no_queue_is_bound_that_rss_leads_to(void **state)
{
	struct client c;

	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	sim_set_silent(d.sim, true);
	ethtool_equal(8);
	sim_set_silent(d.sim, false);
	assert_string_equal(client_register(&c), OURS("FlowConflict"));
	client_close(&c);
	wait_until_clean(&d);
}

/* A table that other leases would want is put right, without a word; any other one is drift. */
static void test_a_table_that_leaves_idle_queues_out_is_no_drift(void **state)
{
	wait_for_rss(0xff);
	ethtool_equal(5);
	wait_for_rss(0xff);
	assert_string_equal(interface_text("sim0", "reason"), "");
}

static void test_with_report_a_table_that_leaves_idle_queues_out_stays_until_the_next_lease(void **state)
{
	struct client c;

	wait_for_rss(0xff);
	ethtool_equal(5);
	assert_string_equal(interface_text("sim0", "state"), "configured");
	assert_int_equal(rss(), 0x1f);
	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	assert_int_equal(rss(), 0xef);
	client_close(&c);
	wait_for_rss(0xff);
}

static void test_status_says_which_serve(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
	sd_json_variant *reply, *sim0, *queues;
	struct client c;

	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	assert_null(call(link, "Describe", &reply, "{\"interface\":\"sim0\"}"));
	sim0 = sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0);
	assert_string_equal(text_of(sim0, "idleQueues"), "serve");
	assert_int_equal(number_of(sim0, "keepFree"), 0);
	assert_int_equal(number_of(sim0, "rssQueues"), 7);
	queues = sd_json_variant_by_key(sim0, "queues");
	for (unsigned q = 0; q < 8; q++) {
		sd_json_variant *serves = sd_json_variant_by_key(sd_json_variant_by_index(queues, q), "servesRss");

		assert_int_equal(q >= 4, serves != NULL);
		assert_int_equal(q > 4, serves && sd_json_variant_boolean(serves));
	}
	client_close(&c);
	wait_until_clean(&d);
}

static void test_restore_has_the_table_that_was_found(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
	struct client c;

	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	client_close(&c);
	wait_for_rss(0xff);
	assert_null(call(link, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	assert_int_equal(rss(), 0x0f);
	usleep(20000); /* nobody comes and widens it */
	assert_int_equal(rss(), 0x0f);
}

/* Its driver closes the link for it. */
static void test_a_driver_that_bounces_is_left_as_it_is(void **state)
{
	struct nic_state *s;

	start_with("", "bnxt_en", "");
	assert_int_equal(sim_nic_state_new(7, "nic0", "bnxt_en", 4, 16, &s), 0);
	assert_int_equal(sim_add_nic(d.sim, s, NULL, NULL), 0);
	nic_state_free(s);
	daemon_run(&d);
	assert_string_equal(interface_text("nic0", "state"), "degraded");
	assert_non_null(strstr(interface_text("nic0", "reason"), "Set idle-queues to reserve."));
	daemon_stop(&d);
}

#define SERVES(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVES(test_they_serve_until_they_are_leased_and_after),
		SERVES(test_a_queue_is_granted_when_nothing_arrives_any_more),
		SERVES(test_a_queue_where_packets_go_on_arriving_is_not_granted),
		SERVES(test_nothing_is_granted_if_rss_cannot_be_taken_away),
		cmocka_unit_test_setup_teardown(test_a_queue_that_is_kept_free_is_leased_at_once, set_up_kept, tear_down),
		SERVES(test_a_leak_is_closed_and_the_others_go_on_serving),
		cmocka_unit_test_setup_teardown(test_no_queue_is_bound_that_rss_leads_to, set_up_report, tear_down),
		SERVES(test_a_table_that_leaves_idle_queues_out_is_no_drift),
		cmocka_unit_test_setup_teardown(
			test_with_report_a_table_that_leaves_idle_queues_out_stays_until_the_next_lease, set_up_report,
			tear_down),
		SERVES(test_status_says_which_serve),
		SERVES(test_restore_has_the_table_that_was_found),
		cmocka_unit_test(test_a_driver_that_bounces_is_left_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
