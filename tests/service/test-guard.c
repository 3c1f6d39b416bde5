/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interface that carries the default route is not interrupted without force: at start, at reload,
 * by Apply. What is refused is refused as a whole.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"

#define WRONG_STATE "io.zcrx.Manager.WrongState"
#define NOT_SUPPORTED "io.zcrx.Manager.NotSupported"

static void expect_untouched(struct daemon *d)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(d);

	assert_int_equal(s->channels.combined, 4);
	assert_int_equal(s->split, SPLIT_UNKNOWN);
	assert_int_equal(s->hds_threshold, 256);
	assert_int_equal(s->ntuple, FEATURE_OFF);
}

static void expect_refusal_text(const char *text)
{
	static const char *const parts[] = {
		"default route", "tcp-data-split unknown -> enabled", "combined 4 -> combined 8",
		"Nothing was changed", "zcrxctl apply --force --confirm-within 60s sim0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strstr(text, parts[i]))
			fail_msg("\"%s\" lacks \"%s\"", text, parts[i]);
	/* What disturbs nothing is not in the way. */
	assert_null(strstr(text, "ntuple-feature"));
}

static void expect_interface(sd_varlink *link, const char *state)
{
	sd_json_variant *reply;

	assert_null(call(link, "Describe", &reply, "{}"));
	reply = sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0);
	assert_string_equal(text_of(reply, "state"), state);
	if (streq(state, "degraded"))
		expect_refusal_text(text_of(reply, "reason"));
}

static void test_guard(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	sd_json_variant *reply;
	struct daemon d;

	daemon_prepare(&d, NULL);
	assert_int_equal(sim_set_default_route(d.sim, SIM0, true), 0);
	daemon_run(&d);
	link = daemon_connect(&d);
	expect_interface(link, "degraded");
	expect_untouched(&d);

	assert_null(call(link, "Reload", &reply, "{}"));
	reply = sd_json_variant_by_key(reply, "warnings");
	assert_int_equal(sd_json_variant_elements(reply), 1);
	expect_refusal_text(sd_json_variant_string(sd_json_variant_by_index(reply, 0)));
	expect_untouched(&d);

	assert_string_equal(call(link, "Apply", &reply, "{}"), WRONG_STATE);
	assert_string_equal(text_of(reply, "state"), "default-route");
	expect_refusal_text(text_of(reply, "message"));
	assert_string_equal(call(link, "Acquire", &reply, "{}"), NOT_SUPPORTED);
	expect_untouched(&d);

	assert_null(call(link, "Apply", NULL, "{\"force\":true}"));
	expect_interface(link, "configured");
	s = observe(&d);
	assert_int_equal(s->channels.combined, 8);
	daemon_stop(&d);
}

/* The default route in halves, and the way back to who is logged in: the same. */
static void test_other_ways(void **state)
{
	static const struct flow_address halves[] = { { .prefix = 1 }, { { 128 }, 1 } };
	static const struct flow_address peer = { { 10, 9, 0, 2 }, 32 };
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	sd_json_variant *reply;
	struct daemon d;

	daemon_prepare(&d, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++)
		assert_int_equal(sim_add_route(d.sim, SIM0, FLOW_TCP4, &halves[i]), 0);
	daemon_run(&d);
	link = daemon_connect(&d);
	assert_string_equal(call(link, "Apply", &reply, "{}"), WRONG_STATE);
	assert_string_equal(text_of(reply, "state"), "default-route");
	expect_refusal_text(text_of(reply, "message"));
	expect_untouched(&d);

	assert_int_equal(sim_set_default_route(d.sim, SIM0, false), 0);
	assert_int_equal(sim_add_login(d.sim, SIM0, FLOW_TCP4, &peer), 0);
	assert_string_equal(call(link, "Apply", &reply, "{}"), WRONG_STATE);
	assert_string_equal(text_of(reply, "state"), "ssh");
	assert_non_null(strstr(text_of(reply, "message"), "The route to 10.9.0.2"));
	expect_untouched(&d);
	assert_null(call(link, "Apply", NULL, "{\"force\":true}"));
	expect_interface(link, "configured");
	daemon_stop(&d);
}

/* What interrupts nothing needs no force. */
static void test_harmless(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	struct daemon d;

	daemon_start(&d, NULL);
	link = daemon_connect(&d);
	assert_int_equal(sim_set_default_route(d.sim, SIM0, true), 0);
	assert_int_equal(sim_foreign_step(d.sim, SIM0, &(struct step){ .op = STEP_NTUPLE }), 0);
	assert_null(call(link, "Apply", NULL, "{}"));
	s = observe(&d);
	assert_int_equal(s->ntuple, FEATURE_ON);
	daemon_stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_other_ways),
		cmocka_unit_test(test_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
