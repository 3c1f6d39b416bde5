/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Somebody else's rule takes what a lease's own rule is for: that is said in AddFlow's reply, in the lists
 * and to watchers, as long as it is so; and where there is room before it, it does not stay so.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "drifting.h"
#include "zcrx-idl.h"

/* Any address: the lease's rule names one, so that this covers it. */
static struct nic_rule foreign(uint32_t location, enum rule_action action, uint16_t port)
{
	return (struct nic_rule){ .location = location, .action = action, .understood = true,
				  .flow = { .protocol = FLOW_TCP4, .destination_port = port } };
}

static void put(struct daemon *d, uint32_t location, enum rule_action action, uint16_t port)
{
	const struct nic_rule rule = foreign(location, action, port);

	assert_int_equal(sim_foreign_rule(d->sim, SIM0, &rule), 0);
}

static sd_json_variant *by_path(sd_json_variant *v, const char *array, size_t i, const char *key)
{
	v = sd_json_variant_by_index(sd_json_variant_by_key(v, array), i);
	return key ? sd_json_variant_by_key(v, key) : v;
}

/* The message of what takes the first flow of the lease, as ListLeases has it; "" for nothing. */
static void listed(struct daemon *d, const struct client *c, char ret[512])
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply, *taken;

	assert_null(call(link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", c->id));
	taken = by_path(sd_json_variant_by_key(reply, "lease"), "flows", 0, "takenBy");
	snprintf(ret, 512, "%s", taken ? text_of(taken, "message") : "");
}

static void wait_until_listed(struct daemon *d, const struct client *c, const char *message)
{
	char found[512];

	listed(d, c, found);
	for (int i = 0; i < PATIENCE_MS / 10 && !streq(found, message); i++) {
		usleep(10000);
		listed(d, c, found);
	}
	assert_string_equal(found, message);
}

static uint64_t taken_flows(struct daemon *d)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply;

	assert_null(call(link, "Describe", &reply, "{}"));
	return number_of(by_path(reply, "interfaces", 0, NULL), "takenFlows");
}

/* The location of the one rule that leads to the queue of the lease. */
static uint32_t own_location(struct daemon *d)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(d);

	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rules[i].action == RULE_TO_QUEUE && s->rules[i].target == QUEUE)
			return s->rules[i].location;
	return UINT32_MAX;
}

static void wait_for_location(struct daemon *d, uint32_t location)
{
	for (int i = 0; i < PATIENCE_MS / 10 && own_location(d) != location; i++)
		usleep(10000);
	assert_int_equal(own_location(d), location);
}

/* It was there first: the reply says so, and everything else, until it is removed as that says. */
static void expect_told(struct daemon *d, enum rule_action action, const char *does, const char *to)
{
	char message[512], reason[1024];
	sd_json_variant *reply, *taken;
	struct watching w;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	put(d, 0, action, c.port);
	watch(d, &w);
	assert_null(call_fds(c.link, "AddFlow", (int[]){ c.handle, c.listener }, 2, &reply,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,"
			     "\"socketFileDescriptor\":1}", c.id));
	snprintf(message, sizeof(message), "rule 0, which is not zcrxd's, %s tcp4,dst=127.0.0.1,dst-port=%u%s "
		 "(ethtool -N sim0 delete 0 removes it)", does, c.port, to);
	taken = by_path(reply, "taken", 0, "takenBy");
	assert_string_equal(text_of(taken, "message"), message);
	assert_string_equal(text_of(taken, "share"), "all");
	assert_int_equal(number_of(taken, "rule"), 0);
	assert_null(sd_json_variant_by_key(taken, "leaseId"));
	assert_string_equal(text_of(by_path(reply, "taken", 0, NULL), "flowId"),
			    sd_json_variant_string(by_path(reply, "flowIds", 0, NULL)));
	wait_until_listed(d, &c, message);
	wait_for_events(&w, "drifted");
	assert_contains(w.reason, message);
	assert_names(w.reason, &c);
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, message);
	assert_int_equal(taken_flows(d), 1);
	assert_string_equal(lease_state(d, c.id), "steered");
	/* What the message says to do. */
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 0), 0);
	wait_for_events(&w, "repaired");
	wait_until_listed(d, &c, "");
	assert_int_equal(taken_flows(d), 0);
	wait_for_state(d, "configured", NULL);
	client_close(&c);
	wait_until_clean(d);
	watch_end(&w);
}

static void test_a_foreign_rule_that_was_first_is_reported(void **state)
{
	expect_told(*state, RULE_TO_QUEUE, "takes", " to queue 0");
	expect_told(*state, RULE_DROP, "drops", "");
}

static int on_event(sd_varlink *link, sd_json_variant *parameters, const char *error,
		    sd_varlink_reply_flags_t flags, void *userdata)
{
	sd_json_variant *event = sd_json_variant_by_key(parameters, "event");
	char *told = userdata;

	assert_null(error);
	if (event)
		snprintf(told, 512, "%s: %s", text_of(event, "event"), text_of(event, "reason"));
	return 0;
}

static void wait_until_told(sd_varlink *link, char *told, const char *what)
{
	for (int i = 0; i < PATIENCE_MS / 10 && strncmp(told, what, strlen(what)) != 0; i++) {
		while (sd_varlink_process(link) > 0)
			;
		(void)sd_varlink_wait(link, 10000);
	}
	assert_contains(told, what);
}

/* Who only watches the lease hears of it, too. */
static void test_watch_of_the_lease(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	char told[512] = "";
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	link = daemon_connect(d);
	sd_varlink_set_userdata(link, told);
	assert_true(sd_varlink_bind_reply(link, on_event) >= 0);
	assert_true(sd_varlink_observebo(link, ZCRX_METHOD("Watch"),
					 SD_JSON_BUILD_PAIR_STRING("leaseId", c.id)) >= 0);
	assert_true(sd_varlink_flush(link) >= 0);
	/* Ours is at 0: somebody takes its place. */
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 0), 0);
	put(d, 0, RULE_TO_QUEUE, c.port);
	wait_until_told(link, told, "taken: rule 0, which is not zcrxd's, takes tcp4,dst=127.0.0.1");
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 0), 0);
	wait_until_told(link, told, "steered: no foreign rule takes its flows any more");
	client_close(&c);
	wait_until_clean(d);
}

/* Put where ours was, under traffic: ours comes back behind it, and that is not over. */
static void test_a_later_foreign_rule_is_reported(void **state)
{
	struct daemon *d = *state;
	struct watching w;
	struct client c;
	char reason[1024];

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_int_equal(own_location(d), 0);
	watch(d, &w);
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 0), 0);
	put(d, 0, RULE_TO_QUEUE, c.port);
	wait_for_location(d, 1);
	wait_for_events(&w, "drifted drifted");
	assert_contains(w.reason, "rule 0, which is not zcrxd's, takes tcp4,dst=127.0.0.1");
	wait_for_state(d, "degraded", reason);
	assert_names(reason, &c);
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 0), 0);
	wait_for_events(&w, "repaired");
	wait_for_state(d, "configured", NULL);
	client_close(&c);
	wait_until_clean(d);
	watch_end(&w);
}

/* There is room before it: ours goes there, and its old place is free. */
static void come_before(struct daemon *d, struct client *c, enum rule_action action)
{
	put(d, 0, RULE_DROP, 1);
	put(d, 1, RULE_DROP, 2);
	assert_null(client_open(d, c, CLIENT_STEERED));
	assert_int_equal(own_location(d), 2);
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 1), 0);
	put(d, 1, action, c->port);
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 0), 0);
}

static void test_comes_before(void **state)
{
	struct daemon *d = *state;
	struct watching w;
	struct client c;

	watch(d, &w);
	come_before(d, &c, RULE_TO_QUEUE);
	wait_for_location(d, 0);
	wait_for_events(&w, "drifted repaired");
	wait_for_rules(d, 2);
	wait_until_listed(d, &c, "");
	assert_string_equal(lease_state(d, c.id), "steered");
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 1), 0);
	client_close(&c);
	wait_until_clean(d);
	watch_end(&w);
}

/* It finds no place any more: it is not where it was, and comes back as soon as it can. */
static void test_comes_before_fails(void **state)
{
	struct daemon *d = *state;
	struct client c;

	sim_fail_operation(d->sim, NULL, 0, NULL);
	put(d, 0, RULE_DROP, 1);
	put(d, 1, RULE_DROP, 2);
	assert_null(client_open(d, &c, CLIENT_STEERED));
	sim_fail_operation(d->sim, "insert ntuple rule", 5 /* EIO */, "not now");
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 1), 0);
	put(d, 1, RULE_TO_QUEUE, c.port);
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 0), 0);
	wait_for_location(d, UINT32_MAX);
	sim_fail_operation(d->sim, NULL, 0, NULL);
	wait_for_location(d, 0);
	assert_string_equal(lease_state(d, c.id), "steered");
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 1), 0);
	wait_for_state(d, "configured", NULL);
	client_close(&c);
	wait_until_clean(d);
}

/* Who drops packets means it. */
static void test_a_drop_rule_is_not_bypassed(void **state)
{
	struct daemon *d = *state;
	char reason[1024];
	struct client c;

	come_before(d, &c, RULE_DROP);
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, "rule 1, which is not zcrxd's, drops tcp4,dst=127.0.0.1");
	assert_int_equal(own_location(d), 2);
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 1), 0);
	wait_for_state(d, "configured", NULL);
	client_close(&c);
	wait_until_clean(d);
}

/* With on-drift: report nothing is moved until somebody applies. */
static void test_report(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	char reason[1024];
	struct client c;

	come_before(d, &c, RULE_TO_QUEUE);
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, "rule 1, which is not zcrxd's, takes tcp4,dst=127.0.0.1");
	assert_contains(reason, "zcrxctl apply sim0");
	assert_int_equal(own_location(d), 2);
	assert_null(call(link, "Apply", NULL, "{}"));
	wait_for_location(d, 0);
	wait_for_state(d, "configured", NULL);
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 1), 0);
	client_close(&c);
	wait_until_clean(d);
}

/* Clients that listen where somebody has a rule do not use up what is repaired at once. */
static void test_foreign_rules_are_not_fought(void **state)
{
	struct daemon *d = *state;
	struct watching w;
	struct client c;

	watch(d, &w);
	for (unsigned i = 0; i < 7; i++) {
		assert_null(client_open(d, &c, CLIENT_BOUND));
		put(d, 0, RULE_TO_QUEUE, c.port);
		assert_null(client_add_flow(&c));
		wait_for_events(&w, "drifted");
		assert_int_equal(sim_remove_rule(d->sim, SIM0, 0), 0);
		wait_for_events(&w, "repaired");
		client_close(&c);
		wait_until_clean(d);
	}
	change(d, &(struct step){ .op = STEP_HDS_THRESHOLD, .to.number = 64 });
	wait_for_events(&w, "drifted repaired");
	watch_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPAIR(test_a_foreign_rule_that_was_first_is_reported), REPAIR(test_watch_of_the_lease),
		REPAIR(test_a_later_foreign_rule_is_reported),		 REPAIR(test_comes_before),
		REPAIR(test_comes_before_fails), REPAIR(test_a_drop_rule_is_not_bypassed),
		REPORT(test_report),		 REPAIR(test_foreign_rules_are_not_fought),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
