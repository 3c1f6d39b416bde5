/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Somebody opens a way into a queue that is leased, or takes away the lease's own: what is closed, at
 * which end, and what comes back.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "drifting.h"
#include "plan.h"

/* Told and untold: the table is narrow again, the lease is as it was, and it is said whose it was. */
static void test_a_leaking_table_is_narrowed(void **state)
{
	struct daemon *d = *state;
	struct watching w;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	watch(d, &w);
	for (unsigned i = 0; i < 2; i++) {
		sim_set_silent(d->sim, i == 1);
		change(d, &wide_table);
		wait_until_narrow(d);
		wait_for_events(&w, "drifted repaired");
		assert_contains(w.reason, "the RSS table leads ordinary traffic to queues 4, 5, 6 and 7");
		assert_names(w.reason, &c);
	}
	sim_set_silent(d->sim, false);
	assert_string_equal(lease_state(d, c.id), "steered");
	wait_for_state(d, "configured", NULL);
	client_close(&c);
	wait_until_clean(d);
	watch_end(&w);
}

/* The n-th look from now is over, and the next has not begun. */
static void change_after_looks(struct daemon *d, unsigned n, const struct step *first)
{
	unsigned before = sim_operations(d->sim);

	sim_set_silent(d->sim, false);
	sim_set_delay(d->sim, 300);
	change(d, first);
	/* The first of them asks for the ways, and then for the guard. */
	while (sim_operations(d->sim) < before + 2 * n - 1)
		usleep(1000);
	usleep(10000); /* it is counted, and then it looks; the next waits its time */
	sim_set_silent(d->sim, true);
	change(d, &wide_table);
	sim_set_delay(d->sim, 0);
}

/* It is opened after the look that was to find that, and before the settings are compared, or even
 * repaired: told as a way into the queue all the same, not as one more setting that is not as it was. */
static void test_table_between(void **state)
{
	static const char *const events[] = { "drifted repaired", "drifted drifted repaired" };
	struct daemon *d = *state;
	struct watching w;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	watch(d, &w);
	for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
		change_after_looks(d, i + 1, &(struct step){ .op = STEP_NTUPLE });
		wait_for_events(&w, events[i]);
		assert_contains(w.reason, "the RSS table leads ordinary traffic to queues 4, 5, 6 and 7");
		assert_names(w.reason, &c);
		wait_for_state(d, "configured", NULL);
	}
	assert_false(leads_beyond(d, 4));
	sim_set_silent(d->sim, false);
	client_close(&c);
	wait_until_clean(d);
	watch_end(&w);
}

/* A rule comes back at any location; with the filter off, after the filter. */
static void test_lost_rules_are_inserted_again(void **state)
{
	const struct nic_rule squatter = { .location = 0, .action = RULE_DROP };
	struct daemon *d = *state;
	struct watching w;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	watch(d, &w);
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 0), 0);
	assert_int_equal(sim_foreign_rule(d->sim, SIM0, &squatter), 0);
	wait_for_rules(d, 2);
	wait_for_events(&w, "drifted repaired");
	assert_contains(w.reason, "the rule tcp4,");
	assert_names(w.reason, &c);
	assert_string_equal(lease_state(d, c.id), "steered");

	assert_int_equal(sim_remove_rule(d->sim, SIM0, 1), 0);
	change(d, &(struct step){ .op = STEP_NTUPLE });
	wait_for_rules(d, 2);
	wait_for_events(&w, "drifted repaired");
	assert_contains(w.reason, "ntuple-feature is off instead of on");
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 0), 0);
	client_close(&c);
	wait_until_clean(d);
	watch_end(&w);
}

static void test_reset(void **state)
{
	struct daemon *d = *state;
	struct client a, b;

	assert_null(client_open(d, &a, CLIENT_STEERED));
	assert_null(client_open(d, &b, CLIENT_STEERED));
	for (unsigned i = 0; i < 2; i++) {
		sim_set_silent(d->sim, i == 1);
		assert_int_equal(sim_reset(d->sim, SIM0), 0);
		wait_until_narrow(d);
		wait_for_rules(d, 2);
	}
	sim_set_silent(d->sim, false);
	wait_for_state(d, "configured", NULL);
	assert_string_equal(lease_state(d, a.id), "steered");
	assert_string_equal(lease_state(d, b.id), "steered");
	client_close(&a);
	client_close(&b);
	wait_until_clean(d);
}

/* It is not ours to delete: the queue is taken back from the one lease that it leads into. */
static void test_foreign_rule(void **state)
{
	const struct nic_rule rule = { .location = 77, .action = RULE_TO_QUEUE, .target = QUEUE };
	struct daemon *d = *state;
	struct nic_state *s;
	struct watching w;
	struct client c, other;
	char reason[1024];

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_null(client_open(d, &other, CLIENT_STEERED));
	watch(d, &w);
	assert_int_equal(sim_foreign_rule(d->sim, SIM0, &rule), 0);
	wait_for_hangup(c.handle);
	wait_for_rules(d, 2);
	assert_string_equal(lease_state(d, other.id), "steered");
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, "rule 77, which is not zcrxd's, leads to queue 4");
	s = observe(d);
	assert_true(nic_state_queue_clean(s, QUEUE));
	assert_int_equal(s->rules[0].location == 77 || s->rules[1].location == 77, true);
	nic_state_free(s);

	assert_int_equal(sim_remove_rule(d->sim, SIM0, 77), 0);
	wait_for_state(d, "configured", NULL);
	client_close(&c);
	client_close(&other);
	wait_until_clean(d);
	watch_end(&w);
}

/* It shows no filter of its own: the queue is taken back, and nobody gets it while that is on. */
static void test_accelerated_rfs(void **state)
{
	struct daemon *d = *state;
	struct client c, late;
	struct nic_state *s;
	char reason[1024];

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_null(client_open(d, &late, CLIENT_RESERVED));
	assert_int_equal(sim_set_rfs(d->sim, SIM0, QUEUE, true), 0);
	wait_for_hangup(c.handle);
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, "accelerated RFS may lead ordinary traffic to queue 4");
	s = observe(d);
	assert_true(nic_state_queue_clean(s, QUEUE));
	nic_state_free(s);
	assert_int_equal(sim_set_rfs(d->sim, SIM0, QUEUE + 1, true), 0);
	assert_string_equal(client_register(&late), "io.zcrx.Manager.FlowConflict");
	assert_int_equal(sim_set_rfs(d->sim, SIM0, 0, false), 0);
	assert_null(client_register(&late));
	wait_for_state(d, "configured", NULL);
	client_close(&c);
	client_close(&late);
	wait_until_clean(d);
}

/* Nothing gets into a context without a rule; with one it is as good as that. */
static void test_foreign_context(void **state)
{
	const struct nic_rule rule = { .location = 5, .action = RULE_TO_CONTEXT, .target = 3 };
	struct daemon *d = *state;
	struct client c;
	char reason[1024];

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_int_equal(sim_foreign_context(d->sim, SIM0, 3, QUEUE), 0);
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, "RSS context 3, which is not zcrxd's, leads to queue 4");
	assert_string_equal(lease_state(d, c.id), "steered");
	assert_int_equal(sim_foreign_rule(d->sim, SIM0, &rule), 0);
	wait_for_hangup(c.handle);
	assert_int_equal(sim_reset(d->sim, SIM0), 0);
	wait_for_state(d, "configured", NULL);
	client_close(&c);
	wait_until_clean(d);
}

/* A table that cannot be narrowed is closed at its other end. */
static void test_table_stays_wide(void **state)
{
	struct daemon *d = *state;
	struct watching w;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	watch(d, &w);
	sim_fail_operation(d->sim, "set rss", EBUSY, "not now");
	change(d, &wide_table);
	wait_for_hangup(c.handle);
	hear(&w);
	assert_contains(w.events, "failed");
	sim_fail_operation(d->sim, NULL, 0, NULL);
	wait_until_narrow(d);
	wait_for_state(d, "configured", NULL);
	client_close(&c);
	wait_until_clean(d);
	watch_end(&w);
}

static void change_silently(struct daemon *d, const struct step *step)
{
	sim_set_silent(d->sim, true);
	change(d, step);
	sim_set_silent(d->sim, false);
}

/* An ioctl that told nobody, while nobody cared: it is repaired, and who registers need not know. */
static void test_found_at_register(void **state)
{
	struct daemon *d = *state;
	struct watching w;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	watch(d, &w);
	change_silently(d, &wide_table);
	assert_null(client_register(&c));
	assert_false(leads_beyond(d, 4));
	wait_for_events(&w, "drifted repaired");
	client_close(&c);
	wait_until_clean(d);
	watch_end(&w);
}

/* With on-drift: report it is left alone, as nothing is in use behind it; and what the refusal says to do
 * does it. */
static void test_reported_at_register(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	struct daemon *d = *state;
	struct client c;
	char reason[1024];

	link = daemon_connect(d);
	assert_null(client_open(d, &c, CLIENT_RESERVED));
	change_silently(d, &wide_table);
	assert_string_equal(client_register(&c), "io.zcrx.Manager.FlowConflict");
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, "the RSS table leads ordinary traffic to queues 4, 5, 6 and 7");
	assert_contains(reason, "zcrxctl apply sim0");
	assert_string_equal(client_register(&c), "io.zcrx.Manager.FlowConflict");
	assert_true(leads_beyond(d, 7 - 1));
	assert_null(call(link, "Apply", NULL, "{}"));
	assert_null(client_register(&c));
	assert_false(leads_beyond(d, 4));
	client_close(&c);
	wait_until_clean(d);
}

/* What the table leads to is not granted, and the rest is: the table stays as somebody has set it. */
static void test_reported_at_acquire(void **state)
{
	uint32_t entries[128];
	struct daemon *d = *state;
	struct step five = { .op = STEP_RSS, .to = { .rss = entries } };
	struct nic_state *s = observe(d);
	struct client c;

	five.to.n_rss = s->rss.n;
	nic_state_free(s);
	assert_true(five.to.n_rss <= ARRAY_SIZE(entries));
	for (size_t i = 0; i < five.to.n_rss; i++)
		entries[i] = (uint32_t)(i % 5);
	change_silently(d, &five);
	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_int_equal(c.rings[0], 5);
	assert_true(leads_beyond(d, 4));
	client_close(&c);
	wait_until_clean(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPAIR(test_a_leaking_table_is_narrowed),	       REPAIR(test_table_between),
		REPAIR(test_lost_rules_are_inserted_again),	       REPAIR(test_reset),
		REPAIR(test_foreign_rule),     REPAIR(test_foreign_context),
		REPAIR(test_accelerated_rfs),
		REPAIR(test_table_stays_wide), REPAIR(test_found_at_register),
		REPORT(test_reported_at_register), REPORT(test_reported_at_acquire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
