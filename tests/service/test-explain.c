/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Explain through the real service: rules of leases, of others, and none.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"

static int setup(void **state)
{
	static struct daemon d;

	daemon_start(&d, NULL);
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(*state);
	return 0;
}

/* The reply's target at that place as text: its fields but the message. */
static char *target(sd_json_variant *reply, size_t i)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = sd_json_variant_ref(
		sd_json_variant_by_index(sd_json_variant_by_key(reply, "targets"), i));
	static const char *const drop[] = { "message" };
	char *text;

	assert_non_null(v);
	assert_non_null(sd_json_variant_by_key(v, drop[0]));
	assert_true(sd_json_variant_filter(&v, (char **)(const char *[]){ "message", NULL }) >= 0);
	assert_true(sd_json_variant_format(v, 0, &text) >= 0);
	return text;
}

static void expect(struct daemon *d, unsigned port, const char *first, const char *second)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	_cleanup_free_ char *a = NULL, *b = NULL;
	sd_json_variant *reply, *targets;

	assert_null(call(link, "Explain", &reply,
			 "{\"flow\":{\"protocol\":\"tcp4\",\"destinationPort\":%u}}", port));
	assert_string_equal(text_of(reply, "interface"), "sim0");
	targets = sd_json_variant_by_key(reply, "targets");
	assert_int_equal(sd_json_variant_elements(targets), second ? 2 : 1);
	a = target(reply, 0);
	assert_string_equal(a, first);
	if (second) {
		b = target(reply, 1);
		assert_string_equal(b, second);
	}
}

#define RSS(share) "{\"share\":\"" share "\",\"queues\":[0,1,2,3]}"

static void test_explain_gives_the_targets(void **state)
{
	const struct nic_rule foreign = { .location = 900, .action = RULE_TO_QUEUE, .target = 2,
					  .understood = true,
					  .flow = { .protocol = FLOW_TCP4, .destination_port = 22 } };
	struct daemon *d = *state;
	_cleanup_free_ char *expected = NULL;
	struct nic_state *s;
	struct client c;

	expect(d, 22, RSS("all"), NULL);
	assert_int_equal(sim_foreign_rule(d->sim, SIM0, &foreign), 0);
	expect(d, 22, "{\"share\":\"all\",\"rule\":900,\"queues\":[2]}", NULL);

	assert_null(client_open(d, &c, CLIENT_STEERED));
	s = observe(d);
	assert_int_equal(s->n_rules, 2);
	assert_true(asprintf(&expected,
			     "{\"share\":\"some\",\"rule\":%u,\"leaseId\":\"%s\",\"queues\":[4]}",
			     s->rules[s->rules[0].location == 900].location, c.id) > 0);
	nic_state_free(s);
	/* The lease's rule names an address too. */
	expect(d, c.port, expected, RSS("rest"));
	client_close(&c);
	wait_for_rules(d, 1);
	expect(d, 22, "{\"share\":\"all\",\"rule\":900,\"queues\":[2]}", NULL);
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 900), 0);
	expect(d, 22, RSS("all"), NULL);
}

static void test_refusals(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);

	assert_string_equal(call(link, "Explain", NULL, "{}"), "org.varlink.service.InvalidParameter");
	assert_string_equal(call(link, "Explain", NULL, "{\"flow\":{\"protocol\":\"tcp4\"}}"),
			    "io.zcrx.Manager.InvalidFlow");
	assert_string_equal(call(link, "Explain", NULL,
				 "{\"interface\":\"eth9\",\"flow\":{\"protocol\":\"tcp4\","
				 "\"sourcePort\":1}}"),
			    "io.zcrx.Manager.NoSuchInterface");
	assert_int_equal(sim_unplug(d->sim, SIM0), 0);
	assert_string_equal(call(link, "Explain", NULL,
				 "{\"flow\":{\"protocol\":\"tcp4\",\"sourcePort\":1}}"),
			    "io.zcrx.Manager.NoSuchInterface");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_explain_gives_the_targets),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
