/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Somebody changes the NIC behind the daemon's back, told or not: what is closed, what is repaired, and
 * what is said of it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"
#include "plan.h"
#include "zcrx-idl.h"

#define QUEUE 4 /* the first that is leased */
#define PATIENCE_MS 10000

static const char report_config[] = "on-drift: report\n"
				    "interfaces:\n"
				    "  - name: sim0\n"
				    "    channels: 8\n"
				    "    zero-copy-queues: 4\n"
				    "policy:\n"
				    "  - flows: any\n"
				    "    administer: true\n";

/* ----------------------------------------------------------------------------- watching */

/* What Watch tells of the interface, one word an event, and the reason that came last. */
struct watching {
	sd_varlink *link;
	char events[1024];
	char reason[1024];
};

static int on_event(sd_varlink *link, sd_json_variant *parameters, const char *error,
		    sd_varlink_reply_flags_t flags, void *userdata)
{
	struct watching *w = userdata;
	sd_json_variant *event = sd_json_variant_by_key(parameters, "event");

	(void)link;
	(void)flags;
	assert_null(error);
	if (!event || sd_json_variant_by_key(event, "leaseId"))
		return 0;
	assert_true(strlen(w->events) + 32 < sizeof(w->events));
	strcat(strcat(w->events, w->events[0] ? " " : ""), text_of(event, "event"));
	if (text_of(event, "reason")[0])
		snprintf(w->reason, sizeof(w->reason), "%s", text_of(event, "reason"));
	return 0;
}

static void watch(struct daemon *d, struct watching *w)
{
	*w = (struct watching){ .link = daemon_connect(d) };
	sd_varlink_set_userdata(w->link, w);
	assert_true(sd_varlink_bind_reply(w->link, on_event) >= 0);
	assert_true(sd_varlink_observe(w->link, ZCRX_METHOD("Watch"), NULL) >= 0);
	/* Answered from another connection: it is heard by now. */
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *other = daemon_connect(d);
	assert_true(sd_varlink_flush(w->link) >= 0);
	assert_null(call(other, "Describe", NULL, "{}"));
}

static void hear(struct watching *w)
{
	while (sd_varlink_process(w->link) > 0)
		;
}

static void wait_for_events(struct watching *w, const char *events)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		hear(w);
		if (streq(w->events, events))
			break;
		(void)sd_varlink_wait(w->link, 10000);
	}
	assert_string_equal(w->events, events);
	w->events[0] = '\0';
}

static void watch_end(struct watching *w)
{
	sd_varlink_close_unref(w->link);
}

/* ------------------------------------------------------------------------------ the NIC */

static void change(struct daemon *d, const struct step *step)
{
	assert_int_equal(sim_foreign_step(d->sim, SIM0, step), 0);
}

static const struct step wide_table = { .op = STEP_RSS };

static bool leads_beyond(struct daemon *d, uint32_t first)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(d);

	for (size_t i = 0; i < s->rss.n; i++)
		if (s->rss.entries[i] >= first)
			return true;
	return false;
}

static void wait_until_narrow(struct daemon *d)
{
	for (int i = 0; leads_beyond(d, 4); i++) {
		assert_true(i < PATIENCE_MS / 5);
		usleep(5000);
	}
}

/* The state of the interface; its reason goes to `ret`, if wanted. */
static void wait_for_state(struct daemon *d, const char *state, char ret[1024])
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	const char *found = "";

	for (int i = 0; i < PATIENCE_MS / 10 && !streq(found, state); i++) {
		sd_json_variant *reply, *interface;

		if (i > 0)
			usleep(10000);
		assert_null(call(link, "Describe", &reply, "{}"));
		interface = sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0);
		found = text_of(interface, "state");
		if (ret)
			snprintf(ret, 1024, "%s", text_of(interface, "reason"));
	}
	assert_string_equal(found, state);
}

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void assert_names(const char *text, const struct client *c)
{
	char part[64];

	snprintf(part, sizeof(part), "lease %s of uid %u (queue %u)", c->id, (unsigned)getuid(),
		 QUEUE);
	assert_contains(text, part);
}

static int set_up(void **state)
{
	static struct daemon d;

	daemon_start(&d, NULL);
	*state = &d;
	return 0;
}

static int set_up_report(void **state)
{
	static struct daemon d;

	daemon_start(&d, report_config);
	*state = &d;
	return 0;
}

static int tear_down(void **state)
{
	daemon_stop(*state);
	return 0;
}

/* -------------------------------------------------------------------------------- repair */

/* Told and untold: the table is narrow again, the lease is as it was, and it is said whose it was. */
static void test_table(void **state)
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

/* It is opened after the look that was to find that, and before the settings are compared: closed and
 * told as a way into the queue all the same, not as one more setting that is not as it was. */
static void test_table_between(void **state)
{
	struct daemon *d = *state;
	struct watching w;
	struct client c;
	unsigned before;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	watch(d, &w);
	before = sim_operations(d->sim);
	sim_set_delay(d->sim, 500);
	change(d, &(struct step){ .op = STEP_NTUPLE });
	while (sim_operations(d->sim) == before)
		usleep(1000);
	usleep(10000); /* it is counted, and then it looks; the next waits its time */
	sim_set_silent(d->sim, true);
	change(d, &wide_table);
	sim_set_delay(d->sim, 0);
	wait_for_events(&w, "drifted repaired");
	assert_contains(w.reason, "the RSS table leads ordinary traffic to queues 4, 5, 6 and 7");
	assert_contains(w.reason, "ntuple-feature is off");
	assert_names(w.reason, &c);
	sim_set_silent(d->sim, false);
	client_close(&c);
	wait_until_clean(d);
	watch_end(&w);
}

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

/* A rule comes back at any location; with the filter off, after the filter. */
static void test_rules(void **state)
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
static void test_fight(void **state)
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
static void test_own_changes(void **state)
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

/* An ioctl that told nobody, while nobody cared: who registers is refused, and then it is repaired. */
static void test_found_at_register(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	sim_set_silent(d->sim, true);
	change(d, &wide_table);
	sim_set_silent(d->sim, false);
	assert_string_equal(client_register(&c), "io.zcrx.Manager.FlowConflict");
	wait_until_narrow(d);
	assert_null(client_register(&c));
	client_close(&c);
	wait_until_clean(d);
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
#define REPAIR(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define REPORT(name) cmocka_unit_test_setup_teardown(name, set_up_report, tear_down)
	const struct CMUnitTest tests[] = {
		REPAIR(test_table),	   REPAIR(test_settings),
		REPAIR(test_table_between),
		REPAIR(test_rules),	   REPAIR(test_reset),
		REPAIR(test_foreign_rule), REPAIR(test_foreign_context),
		REPAIR(test_channels),	   REPAIR(test_table_stays_wide),
		REPAIR(test_repair_fails), REPAIR(test_fight),
		REPAIR(test_own_changes),  REPAIR(test_found_at_register),
		REPAIR(test_fewer_channels), REPORT(test_report_fewer_channels),
		REPORT(test_report),	   REPORT(test_report_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
