/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The look that a worker takes by itself: the loop sleeps as long as it tells nothing, and wakes up when it does, when it
 * does not begin, and when it does not end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "clock.h"
#include "worker.h"

#define PERIOD_USEC 10000
#define PATIENCE_USEC (10 * 1000000ULL)

static struct {
	sd_event *event;
	struct worker *worker;
	atomic_uint n_looks;
	atomic_bool news, stand, stood; /* what a look is to find or do, and does */
	unsigned n_done, n_late, n_jobs;
} it;

static bool look(struct nic *nic, void *data)
{
	assert_ptr_equal(data, &it);
	atomic_fetch_add(&it.n_looks, 1);
	while (atomic_load(&it.stand)) {
		atomic_store(&it.stood, true);
		usleep(1000);
	}
	return atomic_load(&it.news);
}

static void done(void *data)
{
	it.n_done++;
}

static void late(void *data)
{
	it.n_late++;
}

static void sleep_long(struct nic *nic, void *data)
{
	usleep(PERIOD_USEC + LOOK_LATE_USEC + 100000);
}

static void do_nothing(struct nic *nic, void *data)
{
}

static void on_job(void *data)
{
	it.n_jobs++;
}

static int set_up(void **state)
{
	it = (typeof(it)){};
	assert_true(sd_event_new(&it.event) >= 0);
	assert_int_equal(worker_new(it.event, NULL, &it.worker), 0);
	assert_int_equal(worker_look(it.worker, PERIOD_USEC, look, done, late, &it), 0);
	return 0;
}

static int tear_down(void **state)
{
	worker_join(it.worker);
	sd_event_unref(it.event);
	return 0;
}

/* False: not within this time. */
static bool wakes_up(uint64_t usec)
{
	return sd_event_run(it.event, usec) > 0;
}

static void wait_for(const atomic_uint *count, unsigned n)
{
	for (uint64_t end = now_usec(CLOCK_MONOTONIC) + PATIENCE_USEC; atomic_load(count) < n; usleep(1000))
		assert_true(now_usec(CLOCK_MONOTONIC) < end);
}

static void test_the_loop_sleeps_while_nothing_is_new(void **state)
{
	wait_for(&it.n_looks, 5);
	assert_false(wakes_up(0));
	assert_true(worker_look_end(it.worker));
	assert_int_equal(it.n_done, 0);
}

static void test_news_wake_it_once(void **state)
{
	unsigned n;

	wait_for(&it.n_looks, 1);
	atomic_store(&it.news, true);
	while (it.n_done == 0)
		assert_true(wakes_up(PATIENCE_USEC));
	n = atomic_load(&it.n_looks);
	assert_false(wakes_up(5 * PERIOD_USEC));
	assert_int_equal(atomic_load(&it.n_looks), n);
	assert_int_equal(it.n_done, 1);
	/* And there can be another one. */
	assert_int_equal(worker_look(it.worker, PERIOD_USEC, look, done, late, &it), 0);
	while (it.n_done < 2)
		assert_true(wakes_up(PATIENCE_USEC));
}

static void test_a_look_that_ends_while_it_runs_is_reported(void **state)
{
	atomic_store(&it.stand, true);
	while (!atomic_load(&it.stood))
		usleep(1000);
	assert_false(worker_look_end(it.worker));
	atomic_store(&it.stand, false);
	while (it.n_done == 0)
		assert_true(wakes_up(PATIENCE_USEC));
	assert_int_equal(atomic_load(&it.n_looks), 1);
}

static void test_a_look_that_stands_is_late(void **state)
{
	atomic_store(&it.stand, true);
	while (it.n_late == 0)
		assert_true(wakes_up(PATIENCE_USEC));
	assert_false(worker_look_end(it.worker));
	atomic_store(&it.stand, false);
	while (it.n_done == 0)
		assert_true(wakes_up(PATIENCE_USEC));
}

static void test_a_look_that_does_not_begin_is_late(void **state)
{
	assert_int_equal(worker_submit(it.worker, JOB_IN_TURN, sleep_long, on_job, NULL), 0);
	while (it.n_late == 0)
		assert_true(wakes_up(PATIENCE_USEC));
	assert_int_equal(it.n_jobs, 0);
	assert_true(worker_look_end(it.worker));
	while (it.n_jobs == 0)
		assert_true(wakes_up(PATIENCE_USEC));
	assert_int_equal(it.n_done, 0);
}

static void test_jobs_go_on_between_looks(void **state)
{
	wait_for(&it.n_looks, 1);
	assert_int_equal(worker_submit(it.worker, JOB_RECLAIM, do_nothing, on_job, NULL), 0);
	while (it.n_jobs == 0)
		assert_true(wakes_up(PATIENCE_USEC));
	wait_for(&it.n_looks, atomic_load(&it.n_looks) + 2);
	assert_true(worker_look_end(it.worker));
}

#define WITH_LOOK(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LOOK(test_the_loop_sleeps_while_nothing_is_new),
		WITH_LOOK(test_news_wake_it_once),
		WITH_LOOK(test_a_look_that_ends_while_it_runs_is_reported),
		WITH_LOOK(test_a_look_that_stands_is_late),
		WITH_LOOK(test_a_look_that_does_not_begin_is_late),
		WITH_LOOK(test_jobs_go_on_between_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
