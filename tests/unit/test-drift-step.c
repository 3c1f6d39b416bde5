/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What follows from a scan for drift, as stories: what is found when, and what is to be done about it. */
#include "testlib.h"

#include "drift-step.h"

#define SECOND 1000000ULL
#define TELL   (DRIFT_EXPLAIN | DRIFT_TELL)
#define OVER   (DRIFT_RESOLVE | DRIFT_TELL_REPAIRED)

/* At `at` seconds a scan finds `digest`. */
struct scan {
	unsigned at;
	uint64_t digest;
	unsigned actions;
};

static void play(struct drift_watch *w, const struct scan *scans, size_t n, bool repair)
{
	for (size_t i = 0; i < n; i++) {
		const struct drift_finding f = { .digest = scans[i].digest };
		unsigned actions = drift_step(w, &f, (1000 + scans[i].at) * SECOND, repair);

		if (actions != scans[i].actions)
			fail_msg("scan %zu: %#x instead of %#x", i, actions, scans[i].actions);
	}
}
#define PLAY(w, repair, ...)                                                                        \
	do {                                                                                        \
		static const struct scan scans[] = { __VA_ARGS__ };                                  \
		play(w, scans, ARRAY_SIZE(scans), repair);                                           \
	} while (0)

static void test_repaired_at_once_and_told_once(void **state)
{
	struct drift_watch w = {};

	PLAY(&w, true, { 0, 0, 0 }, { 1, 7, TELL | DRIFT_REPAIR }, { 1, 0, OVER }, { 2, 0, 0 });
}

/* 1 s, 2 s, 4 s; something else is new, and is tried at once. */
static void test_what_stays_is_tried_again_after_twice_as_long(void **state)
{
	struct drift_watch w = {};

	PLAY(&w, true, { 0, 7, TELL | DRIFT_REPAIR }, { 0, 7, 0 }, { 1, 7, DRIFT_REPAIR }, { 2, 7, 0 },
	     { 3, 7, DRIFT_REPAIR }, { 6, 7, 0 }, { 7, 7, DRIFT_REPAIR }, { 8, 9, TELL | DRIFT_REPAIR },
	     { 8, 0, OVER });
}

static void test_report_repairs_only_what_is_asked_for(void **state)
{
	struct drift_watch w = {};

	PLAY(&w, false, { 0, 7, TELL }, { 1, 7, 0 }, { 9, 7, 0 });
	w.asked = true;
	PLAY(&w, false, { 9, 7, DRIFT_REPAIR }, { 10, 7, 0 }, { 11, 0, OVER });
}

/* The sixth within a minute waits, and is not told; what is told later was quiet before. */
static void test_somebody_who_changes_it_again_and_again(void **state)
{
	struct drift_watch w = {};

	for (unsigned i = 0; i < 4; i++)
		PLAY(&w, true, { 0, 7, TELL | DRIFT_REPAIR }, { 0, 0, OVER });
	PLAY(&w, true, { 0, 7, TELL | DRIFT_REPAIR }, { 0, 0, OVER | DRIFT_TELL_RATELIMIT },
	     { 1, 7, DRIFT_EXPLAIN }, { 29, 7, 0 }, { 30, 7, DRIFT_EXPLAIN | DRIFT_TELL | DRIFT_REPAIR },
	     { 30, 0, OVER }, { 31, 7, DRIFT_EXPLAIN }, { 32, 0, DRIFT_RESOLVE },
	     { 93, 7, TELL | DRIFT_REPAIR });
}

/* The interval counts from the last repair, the quiet minute from what was found last. */
static void test_rate_limit(void **state)
{
	struct drift_watch w = {};

	PLAY(&w, true, { 0, 7, TELL | DRIFT_REPAIR }, { 0, 0, OVER }, { 1, 7, TELL | DRIFT_REPAIR }, { 1, 0, OVER },
	     { 2, 7, TELL | DRIFT_REPAIR }, { 2, 0, OVER }, { 3, 7, TELL | DRIFT_REPAIR }, { 3, 0, OVER },
	     { 4, 7, TELL | DRIFT_REPAIR }, { 4, 0, OVER | DRIFT_TELL_RATELIMIT });
	PLAY(&w, true, { 5, 7, DRIFT_EXPLAIN }, { 33, 7, 0 }, { 34, 7, TELL | DRIFT_REPAIR }, { 34, 0, OVER },
	     { 35, 7, DRIFT_EXPLAIN }, { 36, 0, DRIFT_RESOLVE }, { 95, 7, TELL | DRIFT_REPAIR }, { 95, 0, OVER },
	     { 96, 7, DRIFT_EXPLAIN }, { 97, 0, DRIFT_RESOLVE });
	PLAY(&w, true, { 157, 7, TELL | DRIFT_REPAIR }, { 157, 0, OVER }, { 158, 7, TELL | DRIFT_REPAIR },
	     { 158, 0, OVER });
}

/* What others' rules take is no change that somebody makes again and again. */
static void test_taken_flows_slow_nothing_down(void **state)
{
	struct drift_watch w = {};

	for (unsigned i = 0; i < 20; i++) {
		const struct drift_finding taken = { .digest = 7, .taken_only = true }, none = {};

		assert_int_equal(drift_step(&w, &taken, 1000 * SECOND, true), TELL | DRIFT_REPAIR);
		assert_int_equal(drift_step(&w, &none, 1000 * SECOND, true), OVER);
	}
}

/* It is over as soon as it is told, in any mode. */
static void test_leak_that_is_closed(void **state)
{
	const struct drift_finding leak = { .digest = 7, .closed = true };
	struct drift_watch w = {};

	assert_int_equal(drift_step(&w, &leak, 1000 * SECOND, false), TELL | OVER);
	assert_int_equal(drift_step(&w, &leak, 1001 * SECOND, true), TELL | OVER);
	assert_int_equal(w.found, 0);
}

static void test_leak_that_stays_open_is_closed_at_its_end(void **state)
{
	const struct drift_steering open = { .digest = 7, .opened = true, .left_open = true },
				    closed = { .digest = 7, .opened = true, .closed = true };
	struct drift_watch w = {};

	for (unsigned i = 1; i < 5; i++) {
		assert_int_equal(drift_steering_step(&w, &open),
				 DRIFT_SCAN_SETTINGS | DRIFT_TELL_LEFT_OPEN | (i >= 3 ? DRIFT_RECLAIM : 0));
		assert_int_equal(drift_wait(&w, 0, true), 20000);
	}
	assert_int_equal(drift_steering_step(&w, &closed), DRIFT_SCAN_SETTINGS);
	assert_int_equal(drift_wait(&w, 0, true), DRIFT_POLL_USEC);
	/* As new if it is opened once more. */
	assert_int_equal(drift_steering_step(&w, &open), DRIFT_SCAN_SETTINGS | DRIFT_TELL_LEFT_OPEN);
}

/* Of what is polled each second, everything is only looked at if there is news. */
static void test_polling_looks_at_settings_once(void **state)
{
	struct drift_watch w = {};

	assert_int_equal(drift_steering_step(&w, &(struct drift_steering){}), 0);
	assert_int_equal(drift_steering_step(&w, &(struct drift_steering){ .digest = 7 }), DRIFT_SCAN_SETTINGS);
	assert_int_equal(drift_steering_step(&w, &(struct drift_steering){ .digest = 7 }), 0);
	assert_int_equal(drift_steering_step(&w, &(struct drift_steering){ .digest = 8 }), DRIFT_SCAN_SETTINGS);
	assert_int_equal(drift_steering_step(&w, &(struct drift_steering){ .digest = 8, .settings = true }),
			 DRIFT_SCAN_SETTINGS);
	assert_int_equal(drift_steering_step(&w, &(struct drift_steering){}), DRIFT_SCAN_SETTINGS);
}

static void test_next_scan(void **state)
{
	struct drift_watch w = {};

	assert_int_equal(drift_wait(&w, 0, false), UINT64_MAX);
	assert_int_equal(drift_wait(&w, 0, true), DRIFT_POLL_USEC);
	assert_false(drift_wants_settings(&w, 0));
	/* What was missed is looked for soon, and later each time. */
	for (unsigned i = 0; i < 10; i++) {
		drift_scan_failed(&w, i == 1);
		assert_int_equal(drift_wait(&w, 0, false), SECOND << (i < 6 ? i : 6));
		assert_int_equal(drift_wants_settings(&w, 0), i >= 1);
	}
	w = (struct drift_watch){};
	assert_int_equal(drift_step(&w, &(struct drift_finding){ .digest = 7 }, 5 * SECOND, true),
			 TELL | DRIFT_REPAIR);
	assert_int_equal(drift_wait(&w, 5 * SECOND, false), SECOND);
	assert_false(drift_wants_settings(&w, 5 * SECOND));
	assert_true(drift_wants_settings(&w, 6 * SECOND));
	assert_int_equal(drift_wait(&w, 7 * SECOND, false), 0);
}

static void test_rest(void **state)
{
	static const struct drift_watch busy[] = {
		{ .found = 7 }, { .steering = 7 }, { .failures = 1 }, { .close_attempts = 1 },
		{ .missed = true }, { .asked = true }, { .due = SECOND },
	};
	const struct drift_watch repaired = { .repaired = 3, .last_found = SECOND, .last_repair = SECOND };

	for (size_t i = 0; i < ARRAY_SIZE(busy); i++)
		assert_false(drift_is_at_rest(&busy[i]));
	assert_true(drift_is_at_rest(&(struct drift_watch){}));
	assert_true(drift_is_at_rest(&repaired));
}

/* An earlier daemon's: the reason says so at once, and the journal when it is known what it is. */
static void test_what_is_not_known_yet_is_told_when_it_is(void **state)
{
	struct drift_watch w = {};

	assert_int_equal(drift_note(&w, DRIFT_UNKNOWN, true), DRIFT_EXPLAIN);
	PLAY(&w, false, { 0, 7, TELL }, { 1, 7, 0 });
	assert_int_equal(drift_note(&w, 7, true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repaired_at_once_and_told_once),
		cmocka_unit_test(test_what_stays_is_tried_again_after_twice_as_long),
		cmocka_unit_test(test_report_repairs_only_what_is_asked_for),
		cmocka_unit_test(test_somebody_who_changes_it_again_and_again),
		cmocka_unit_test(test_rate_limit),
		cmocka_unit_test(test_taken_flows_slow_nothing_down),
		cmocka_unit_test(test_leak_that_is_closed),
		cmocka_unit_test(test_leak_that_stays_open_is_closed_at_its_end),
		cmocka_unit_test(test_polling_looks_at_settings_once),
		cmocka_unit_test(test_next_scan),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_what_is_not_known_yet_is_told_when_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
