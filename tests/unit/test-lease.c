/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a lease: every cell against a second opinion, and random lives against invariants. */
#include "testlib.h"

#include "lease.h"

#define STEPS 1000000

/*
 * The second opinion, one letter a cell in the order of enum lease_event: X illegal, - refused,
 * . ignored, else the state that follows: R(eserved), B(ound), S(teered), D(raining),
 * Q(uarantined), F(ree).
 */
static const char *const opinion[_LEASE_STATE_MAX] = {
	/* ACQUIRE
	 * |REGISTER
	 * ||REGISTERED
	 * |||ADD_FLOW
	 * ||||ADD_FLOW_EARLY
	 * |||||FLOW_ADDED
	 * ||||||LAST_FLOW_GONE
	 * |||||||LAST_FLOW_GONE_UNBOUND
	 * ||||||||UNBOUND
	 * |||||||||RELEASE, HANDLE_GONE, EXPIRED, REVOKE, INTERFACE_GONE
	 * ||||||||||||||ACQUIRE_FAILED
	 * |||||||||||||||CLEAN
	 * ||||||||||||||||STUCK */
	"RXXXXXXXXXXXXXXXX", /* FREE */
	"X.B-.SX..DDDDDD.X", /* RESERVED */
	"X.B..S.XRDDDDDX.X", /* BOUND */
	"X.S..SBRXDDDDDX.X", /* STEERED */
	"X-.--D.........FQ", /* DRAINING */
	"X-.--Q......Q..F.", /* QUARANTINED */
};

static enum lease_state state_of(char letter)
{
	const char *at = strchr("FRBSDQ", letter);

	assert_non_null(at);
	return (enum lease_state)(at - "FRBSDQ");
}

/* What goes with a change, told from the two states alone. */
static unsigned expected_effects(enum lease_state from, enum lease_event event, enum lease_state to)
{
	if (to == LEASE_FREE)
		return LEASE_EFFECT_NOTIFY | LEASE_EFFECT_FORGET;
	if (from == LEASE_QUARANTINED && event == LEASE_REVOKE)
		return LEASE_EFFECT_DRAIN;
	if (from == to && (to == LEASE_DRAINING || to == LEASE_QUARANTINED))
		return LEASE_EFFECT_STORE | LEASE_EFFECT_DRAIN;
	if (to == LEASE_DRAINING)
		return LEASE_EFFECT_STORE | LEASE_EFFECT_NOTIFY | LEASE_EFFECT_DRAIN;
	if (from == LEASE_STEERED && to != LEASE_STEERED)
		return LEASE_EFFECT_STORE;
	return LEASE_EFFECT_STORE | LEASE_EFFECT_NOTIFY;
}

static void test_every_cell(void **state)
{
	for (enum lease_state s = 0; s < _LEASE_STATE_MAX; s++) {
		assert_int_equal(strlen(opinion[s]), _LEASE_EVENT_MAX);
		for (enum lease_event e = 0; e < _LEASE_EVENT_MAX; e++) {
			struct lease_transition t = lease_step(s, e);
			char letter = opinion[s][e];

			if (letter == 'X')
				assert_int_equal(t.verdict, LEASE_ILLEGAL);
			else if (letter == '-')
				assert_int_equal(t.verdict, LEASE_REFUSE);
			else if (letter == '.')
				assert_int_equal(t.verdict, LEASE_IGNORE);
			else {
				assert_int_equal(t.verdict, LEASE_GO);
				assert_int_equal(t.next, state_of(letter));
				assert_int_equal(t.effects, expected_effects(s, e, t.next));
			}
		}
	}
}

/* Random lives, as if the kernel and the clients did anything at any time. */
static void test_random_events_keep_the_invariants(void **state)
{
	uint64_t seed = 20260115;
	enum lease_state s = LEASE_FREE;
	bool rules = false; /* may lead to the queue */
	unsigned visited[_LEASE_STATE_MAX] = {};

	for (unsigned i = 0; i < STEPS; i++) {
		enum lease_event e = (enum lease_event)test_between(&seed, 0, _LEASE_EVENT_MAX - 1);
		struct lease_transition t = lease_step(s, e);

		if (t.verdict != LEASE_GO)
			continue;
		/* The record is written before anything is done, or is what is removed. */
		assert_true(t.effects & (LEASE_EFFECT_STORE | LEASE_EFFECT_FORGET) || t.next == s);
		assert_false(t.effects & LEASE_EFFECT_STORE && t.effects & LEASE_EFFECT_FORGET);
		/* Free only on the kernel's word, and only out of a drain. */
		if (t.next == LEASE_FREE) {
			assert_int_equal(e, LEASE_CLEAN);
			assert_true(s == LEASE_DRAINING || s == LEASE_QUARANTINED);
			assert_false(rules);
		}
		assert_true((t.next == LEASE_FREE) == !!(t.effects & LEASE_EFFECT_FORGET));
		/* Once it is being taken back there is no way to life. */
		if (s == LEASE_DRAINING || s == LEASE_QUARANTINED)
			assert_true(t.next == LEASE_FREE || t.next == LEASE_DRAINING ||
				    t.next == LEASE_QUARANTINED);
		if (e == LEASE_FLOW_ADDED)
			rules = true;
		if (t.effects & LEASE_EFFECT_DRAIN || e == LEASE_LAST_FLOW_GONE ||
		    e == LEASE_LAST_FLOW_GONE_UNBOUND)
			rules = false;
		/* Rules are there in one state alone. */
		assert_true(rules == (t.next == LEASE_STEERED));
		s = t.next;
		visited[s]++;
	}
	for (enum lease_state v = 0; v < _LEASE_STATE_MAX; v++)
		assert_true(visited[v] > STEPS / 1000);
}

static void test_refusals(void **state)
{
	_cleanup_fault_ struct fault f = {};

	assert_int_equal(lease_refusal(LEASE_BOUND, LEASE_ADD_FLOW, "0000002a", &f), 0);
	assert_null(f.message);
	assert_int_equal(lease_refusal(LEASE_RESERVED, LEASE_ADD_FLOW, "0000002a", &f),
			 ZCRX_WRONG_STATE);
	assert_string_equal(f.subject, "reserved");
	assert_string_equal(f.operation, "add-flow");
	assert_string_equal(f.message, "Lease 0000002a is reserved, so add-flow is not possible; "
				       "register a ring on its queue first.");
	assert_int_equal(lease_refusal(LEASE_DRAINING, LEASE_REGISTER, "0000002a", &f),
			 ZCRX_WRONG_STATE);
	assert_string_equal(f.message,
			    "Lease 0000002a is draining, so register is not possible; it "
			    "is being reclaimed; acquire another one.");
	assert_int_equal(lease_refusal(LEASE_QUARANTINED, LEASE_REGISTER, "0000002a", NULL),
			 ZCRX_WRONG_STATE);
}

static void test_names(void **state)
{
	static const char *const states[] = { "free",	 "reserved", "bound",
					      "steered", "draining", "quarantined" };

	for (enum lease_state s = 0; s < _LEASE_STATE_MAX; s++)
		assert_string_equal(lease_state_to_string(s), states[s]);
	for (enum lease_event e = 0; e < _LEASE_EVENT_MAX; e++)
		for (enum lease_event f = 0; f < e; f++)
			assert_string_not_equal(lease_event_to_string(e), lease_event_to_string(f));
	assert_string_equal(grant_kind_to_string(GRANT_NETKIT), "netkit");
	assert_string_equal(grant_kind_to_string(GRANT_DIRECT), "direct");
	assert_string_equal(grant_kind_to_string(GRANT_SOFTWARE), "software");
}

static void test_ids(void **state)
{
	static const char *const bad[] = {
		"",	    "1",	"0000000",  "00000000", "000000001", "0000002A",
		"0000002g", " 000002a", "0x00002a", "-000002a", "+000002a",  "0000002a ",
	};
	char text[LEASE_ID_DIGITS + 1], device[IFNAMSIZ];
	uint64_t seed = 1;
	uint32_t id, back;

	lease_id_format(42, text);
	assert_string_equal(text, "0000002a");
	lease_device_name(42, device);
	assert_string_equal(device, "zcrx-0000002a");
	for (unsigned i = 0; i < 1000; i++) {
		id = test_random(&seed) | 1;
		lease_id_format(id, text);
		assert_int_equal(lease_id_parse(text, &back), 0);
		assert_int_equal(id, back);
		lease_device_name(id, device);
		assert_int_equal(lease_id_from_device(device, &back), 0);
		assert_int_equal(id, back);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(lease_id_parse(bad[i], &back), -EINVAL);
	assert_int_equal(lease_id_from_device("eth0", &back), -EINVAL);
	assert_int_equal(lease_id_from_device("zcrx-", &back), -EINVAL);
	assert_int_equal(lease_id_from_device("zcrx-00000000", &back), -EINVAL);
	assert_int_equal(lease_id_from_device("zcrx-0000002A", &back), -EINVAL);
	assert_int_equal(lease_id_from_device("0000002a", &back), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell), cmocka_unit_test(test_random_events_keep_the_invariants),
		cmocka_unit_test(test_refusals),   cmocka_unit_test(test_names),
		cmocka_unit_test(test_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
