/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a device: every cell against a second opinion, and random lives against invariants. */
#include "testlib.h"

#include "device-phase.h"

#define STEPS 1000000

/*
 * The second opinion, one letter a cell in the order of enum device_event: ! illegal, . ignored, else the
 * phase that follows: M(issing), L (closed), S(tarting), C(onfigured), P(ending), D(rifted), B (degraded),
 * R(estoring), U(nmanaged), O(rphaned), G(one).
 */
static const char letters[] = "MLSCPDBRUOG";
static const char *const opinion[_DEVICE_PHASE_MAX] = {
	/* LINK_FOUND, OPENED, LINK_GONE
	 * |  UNUSED
	 * |  |ENTRY_LOST, ENTRY_GAINED
	 * |  || APPLIED, VERIFIED, WAITS, FAILED
	 * |  || |   CHANGED
	 * |  || |   |DRIFT_FOUND, DRIFT_OVER
	 * |  || |   || RESTORE, RESTORED, RESTORE_FAILED */
	"L!..M!!!!!!..!!!", /* MISSING */
	"!SGML.!!!!!..!!!", /* CLOSED */
	"!!G.O.CCPBD..RU!", /* STARTING */
	"!!G.O.CCPBDD.RU!", /* CONFIGURED */
	"!!G.O.CCPPD..RU!", /* PENDING */
	"!!G.O.CCPBDDCRU!", /* DRIFTED */
	"!!G.O.CCPBD..RU!", /* DEGRADED */
	"!!G..........!UB", /* RESTORING */
	"!!G.O.CCPUD..RU!", /* UNMANAGED */
	"!!GM.B.......R.!", /* ORPHANED */
	"!!.M.........!..", /* GONE */
};

static enum device_phase phase_of(char letter)
{
	const char *at = strchr(letters, letter);

	assert_non_null(at);
	return (enum device_phase)(at - letters);
}

/* What goes with an event that changes something. */
static unsigned expected_effects(enum device_phase from, enum device_event event)
{
	if (event == DEVICE_LINK_GONE)
		return DEVICE_END_TRIAL | DEVICE_ANNOUNCE | DEVICE_END_LEASES;
	if (event == DEVICE_UNUSED) /* an entry's object stays */
		return from == DEVICE_ORPHANED ? DEVICE_FREE : DEVICE_CLOSE;
	if (event == DEVICE_ENTRY_LOST)
		return from == DEVICE_MISSING ? DEVICE_FREE : from == DEVICE_CLOSED ? 0 : DEVICE_STOP_RETRY;
	if (event == DEVICE_APPLIED || event == DEVICE_VERIFIED)
		return DEVICE_STOP_RETRY | DEVICE_ANNOUNCE;
	if (event == DEVICE_WAITS)
		return DEVICE_STOP_RETRY | DEVICE_RESET_DRIFT | DEVICE_ANNOUNCE;
	if (event == DEVICE_FAILED)
		return DEVICE_RESET_DRIFT | DEVICE_ANNOUNCE | DEVICE_RETRY;
	if (event == DEVICE_CHANGED)
		return DEVICE_STOP_RETRY;
	if (event == DEVICE_RESTORE)
		return DEVICE_STOP_RETRY | DEVICE_RESET_DRIFT;
	if (event == DEVICE_RESTORED && from == DEVICE_UNMANAGED) /* that was told */
		return DEVICE_STOP_RETRY | DEVICE_RESET_INVENTORY;
	if (event == DEVICE_RESTORED)
		return DEVICE_STOP_RETRY | DEVICE_RESET_INVENTORY | DEVICE_ANNOUNCE;
	return event == DEVICE_OPENED || event == DEVICE_RESTORE_FAILED ? DEVICE_ANNOUNCE : 0;
}

static void test_every_cell(void **state)
{
	for (enum device_phase p = 0; p < _DEVICE_PHASE_MAX; p++) {
		assert_int_equal(strlen(opinion[p]), _DEVICE_EVENT_MAX);
		for (enum device_event e = 0; e < _DEVICE_EVENT_MAX; e++) {
			struct device_transition t = device_step(p, e);
			char letter = opinion[p][e];

			if (letter == '!')
				assert_int_equal(t.verdict, DEVICE_ILLEGAL);
			else if (letter == '.')
				assert_int_equal(t.verdict, DEVICE_IGNORE);
			else {
				assert_int_equal(t.verdict, DEVICE_GO);
				assert_int_equal(t.next, phase_of(letter));
				assert_int_equal(t.effects, expected_effects(p, e));
			}
		}
	}
}

/* Random lives, as if the kernel, the configuration and administrators did anything at any time. */
static void test_random_events_keep_the_invariants(void **state)
{
	uint64_t seed = 20261130;
	enum device_phase p = DEVICE_MISSING;
	bool open = false, restoring = false;
	unsigned visited[_DEVICE_PHASE_MAX] = {};

	for (unsigned i = 0; i < STEPS; i++) {
		enum device_event e = (enum device_event)test_between(&seed, 0, _DEVICE_EVENT_MAX - 1);
		struct device_transition t = device_step(p, e);

		if (t.verdict != DEVICE_GO)
			continue;
		open = (open || e == DEVICE_OPENED) && e != DEVICE_LINK_GONE && e != DEVICE_UNUSED;
		assert_true(device_phase_is_open(t.next) == open);
		/* A restore ends by its own word, or with the interface. */
		if (restoring)
			assert_true(e == DEVICE_RESTORED || e == DEVICE_RESTORE_FAILED ||
				    e == DEVICE_LINK_GONE);
		restoring = e == DEVICE_RESTORE;
		assert_true((t.next == DEVICE_RESTORING) == restoring);
		/* What has drifted was as configured. */
		if (e == DEVICE_DRIFT_FOUND)
			assert_true(device_phase_is_settled(p));
		/* A lease is only made on what was configured, and never on what is restored or lost. */
		if (device_phase_is_leasable(t.next))
			assert_true(device_phase_is_leasable(p) || (e >= DEVICE_APPLIED && e <= DEVICE_CHANGED));
		/* Leases end with the interface, and it is closed when they have. */
		assert_true(!(t.effects & DEVICE_CLOSE) || p == DEVICE_GONE || p == DEVICE_CLOSED);
		/* Something is tried again exactly after a failure. */
		assert_true(!!(t.effects & DEVICE_RETRY) == (e == DEVICE_FAILED));
		p = t.next;
		visited[p]++;
	}
	for (enum device_phase v = 0; v < _DEVICE_PHASE_MAX; v++)
		assert_true(visited[v] > STEPS / 1000);
}

static void test_states_of_the_interface(void **state)
{
	for (enum device_phase p = 0; p < _DEVICE_PHASE_MAX; p++) {
		const char *expected = device_phase_is_degraded(p) ? "degraded" :
				       p == DEVICE_CONFIGURED	   ? "configured" :
								     "missing";

		assert_string_equal(device_phase_state(p), expected);
		for (enum device_phase other = 0; other < p; other++)
			assert_string_not_equal(device_phase_to_string(p), device_phase_to_string(other));
	}
	assert_false(device_phase_needs_entry(DEVICE_CLOSED));
	assert_false(device_phase_needs_entry(DEVICE_RESTORING));
	assert_false(device_phase_needs_entry(DEVICE_ORPHANED));
	assert_false(device_phase_needs_entry(DEVICE_GONE));
	assert_true(device_phase_needs_entry(DEVICE_MISSING));
	assert_true(device_phase_needs_entry(DEVICE_STARTING));
	assert_true(device_phase_needs_entry(DEVICE_DEGRADED));
	assert_true(device_phase_needs_entry(DEVICE_UNMANAGED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_random_events_keep_the_invariants),
		cmocka_unit_test(test_states_of_the_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
