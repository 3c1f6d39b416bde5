/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Somebody changes the settings of the NIC behind the daemon's back, told or not: what is repaired, what
 * is only reported, and what is said of it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "drifting.h"

/* -------------------------------------------------------------------------------- repair */

static void test_settings(void **state)
{
	static const struct step steps[] = {
		{ .op = STEP_RSS },
		{ .op = STEP_HDS_THRESHOLD, .to.number = 64 },
		{ .op = STEP_NTUPLE },
		{ .op = STEP_TCP_DATA_SPLIT, .to.number = SPLIT_DISABLED },
	};
	struct daemon *d = *state;
	struct watching w;

	watch(d, &w);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		_cleanup_(nic_state_freep) struct nic_state *before = observe(d), *after = NULL;

		change(d, &steps[i]);
		wait_for_events(&w, "drifted repaired");
		if (steps[i].op != STEP_RSS)
			assert_contains(w.reason, step_op_to_string(steps[i].op));
		after = observe(d);
		assert_int_equal(after->ntuple, before->ntuple);
		assert_int_equal(after->split, before->split);
		assert_int_equal(after->hds_threshold, before->hds_threshold);
		assert_memory_equal(after->rss.entries, before->rss.entries,
				    before->rss.n * sizeof(*before->rss.entries));
	}
	wait_for_state(d, "configured", NULL);
	watch_end(&w);
}

/* Where it would disturb a lease it waits for that lease. */
static void test_channels(void **state)
{
	const struct step more = { .op = STEP_CHANNELS, .to.channels.combined = 10 };
	struct daemon *d = *state;
	struct watching w;
	struct client c;
	char reason[1024];
	struct nic_state *s;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	watch(d, &w);
	change(d, &more);
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, "channels is combined 10 instead of combined 8");
	assert_names(reason, &c);
	assert_string_equal(lease_state(d, c.id), "steered");
	client_close(&c);
	wait_for_state(d, "configured", NULL);
	s = observe(d);
	assert_int_equal(s->n_queues, 8);
	nic_state_free(s);
	wait_until_clean(d);
	watch_end(&w);
}

/* Queues that are gone are nobody's: they come back with the channels. */
static void test_fewer_channels(void **state)
{
	const struct step fewer = { .op = STEP_CHANNELS, .to.channels.combined = 4 };
	struct daemon *d = *state;
	struct watching w;
	struct client c;
	struct nic_state *s;

	watch(d, &w);
	change(d, &fewer);
	wait_for_events(&w, "quarantined quarantined quarantined quarantined drifted repaired");
	assert_contains(w.reason, "channels is combined 4 instead of combined 8");
	wait_for_state(d, "configured", NULL);
	s = observe(d);
	assert_int_equal(s->n_queues, 8);
	nic_state_free(s);
	assert_null(client_open(d, &c, CLIENT_STEERED));
	client_close(&c);
	wait_until_clean(d);
	watch_end(&w);
}

/* It is tried again and again, and said once. */
static void test_repair_fails(void **state)
{
	struct daemon *d = *state;
	struct watching w;
	char reason[1024];
	unsigned before;

	watch(d, &w);
	sim_fail_operation(d->sim, "set hds-threshold", EIO, "try later");
	before = sim_operations(d->sim);
	change(d, &(struct step){ .op = STEP_HDS_THRESHOLD, .to.number = 64 });
	wait_for_state(d, "degraded", reason);
	wait_for_events(&w, "drifted failed");
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, "hds-threshold is 64 instead of 0");
	assert_contains(reason, "try later");
	while (sim_failures(d->sim) < 3)
		usleep(10000);
	assert_true(sim_operations(d->sim) - before < 100);
	sim_fail_operation(d->sim, NULL, 0, NULL);
	wait_for_events(&w, "repaired");
	wait_for_state(d, "configured", NULL);
	watch_end(&w);
}

/* What is set again and again is not repaired again and again; but a way is closed at once. */
static void test_repeated_drift_is_rate_limited(void **state)
{
	const struct step set = { .op = STEP_HDS_THRESHOLD, .to.number = 64 };
	struct daemon *d = *state;
	struct watching w;
	struct client c;
	char reason[1024];

	watch(d, &w);
	for (unsigned i = 0; i < 5; i++) {
		change(d, &set);
		wait_for_events(&w, "drifted repaired");
	}
	change(d, &set);
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, "hds-threshold");
	change(d, &(struct step){ .op = STEP_HDS_THRESHOLD });
	wait_for_state(d, "configured", NULL);
	assert_null(client_open(d, &c, CLIENT_STEERED));
	for (unsigned i = 0; i < 3; i++) {
		change(d, &wide_table);
		wait_until_narrow(d);
	}
	hear(&w);
	assert_string_equal(w.events, "");
	assert_string_equal(lease_state(d, c.id), "steered");
	client_close(&c);
	wait_until_clean(d);
	watch_end(&w);
}

/* Leases that come and go, and Apply, are not drift; nor is what is as it should be already. */
static void test_own_changes_are_no_drift(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	struct daemon *d = *state;
	struct watching w;
	struct client c;

	link = daemon_connect(d);
	watch(d, &w);
	for (unsigned i = 0; i < 3; i++) {
		assert_null(client_open(d, &c, CLIENT_STEERED));
		assert_null(call(link, "Apply", NULL, "{}"));
		client_close(&c);
		wait_until_clean(d);
	}
	change(d, &(struct step){ .op = STEP_NTUPLE, .to.number = 1 });
	wait_for_state(d, "configured", NULL);
	hear(&w);
	assert_string_equal(w.events, "");
	watch_end(&w);
}

/* -------------------------------------------------------------------------------- report */

static void test_report(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	struct daemon *d = *state;
	struct watching w;
	struct client c;
	char reason[1024];
	struct nic_state *s;

	link = daemon_connect(d);
	assert_null(client_open(d, &c, CLIENT_STEERED));
	watch(d, &w);
	/* The one thing that it does. */
	change(d, &wide_table);
	wait_until_narrow(d);
	wait_for_events(&w, "drifted repaired");

	/* It waits for the lease, whatever is applied. */
	change(d, &(struct step){ .op = STEP_CHANNELS, .to.channels.combined = 10 });
	wait_for_events(&w, "drifted");
	change(d, &(struct step){ .op = STEP_NTUPLE });
	wait_for_events(&w, "drifted");
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 0), 0);
	wait_for_events(&w, "drifted");
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, "ntuple-feature is off instead of on");
	assert_contains(reason, "the rule tcp4,");
	assert_contains(reason, "zcrxctl apply sim0");
	assert_names(reason, &c);
	s = observe(d);
	assert_int_equal(s->ntuple, FEATURE_OFF);
	assert_int_equal(s->n_rules, 0);
	nic_state_free(s);
	assert_null(call(link, "Apply", NULL, "{}"));
	wait_for_rules(d, 1);
	client_close(&c);
	wait_for_state(d, "configured", NULL);
	wait_until_clean(d);
	watch_end(&w);
}

/* What is gone meanwhile is withheld, and there again when it is applied. */
static void test_report_fewer_channels(void **state)
{
	const struct step fewer = { .op = STEP_CHANNELS, .to.channels.combined = 4 };
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	struct daemon *d = *state;
	struct client c;
	char reason[1024];

	link = daemon_connect(d);
	change(d, &fewer);
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, "channels is combined 4 instead of combined 8");
	assert_string_equal(client_open(d, &c, CLIENT_RESERVED), "io.zcrx.Manager.NoQueueAvailable");
	client_close(&c);
	assert_null(call(link, "Apply", NULL, "{}"));
	wait_for_state(d, "configured", NULL);
	assert_null(client_open(d, &c, CLIENT_STEERED));
	client_close(&c);
	wait_until_clean(d);
}

/* Who repairs it by hand is told so. */
static void test_report_by_hand(void **state)
{
	struct daemon *d = *state;
	struct watching w;

	watch(d, &w);
	change(d, &(struct step){ .op = STEP_HDS_THRESHOLD, .to.number = 64 });
	wait_for_events(&w, "drifted");
	wait_for_state(d, "degraded", NULL);
	change(d, &(struct step){ .op = STEP_HDS_THRESHOLD });
	wait_for_events(&w, "repaired");
	wait_for_state(d, "configured", NULL);
	watch_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPAIR(test_settings),	    REPAIR(test_channels),
		REPAIR(test_fewer_channels), REPAIR(test_repair_fails),
		REPAIR(test_repeated_drift_is_rate_limited),	    REPAIR(test_own_changes_are_no_drift),
		REPORT(test_report),	    REPORT(test_report_fewer_channels),
		REPORT(test_report_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
