/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A worker that stands still is noticed, and whoever works on is left alone. In which of the two ways it
 * stands decides whether ending the process helps: in a test it can only stand in ours.
 */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sim.h"
#include "worker.h"

#define PATIENCE_USEC 100000

static struct {
	sd_event *event;
	sem_t go_on;
	unsigned stood, went_on, done;
	bool in_kernel;
} it;

static void on_standstill(bool stands, bool in_kernel, void *userdata)
{
	assert_ptr_equal(userdata, &it);
	it.stood += stands;
	it.went_on += !stands;
	it.in_kernel = in_kernel;
	if (stands)
		sem_post(&it.go_on);
}

static void stand(struct nic *nic, void *data)
{
	while (sem_wait(&it.go_on) < 0)
		;
}

/* Ten times as long as anybody is patient, but it goes on. */
static void work(struct nic *nic, void *data)
{
	for (unsigned i = 0; i < 100; i++) {
		nic_progress(nic);
		usleep(PATIENCE_USEC / 10);
	}
}

static void done(void *data)
{
	it.done++;
}

static void run_until_done(unsigned n)
{
	while (it.done < n)
		assert_true(sd_event_run(it.event, UINT64_MAX) >= 0);
}

static struct worker *start(struct nic_backend *sim)
{
	struct nic_state *s;
	struct worker *w;
	struct nic *nic;

	it = (typeof(it)){};
	sem_init(&it.go_on, 0, 0);
	assert_true(sd_event_new(&it.event) >= 0);
	assert_int_equal(sim_nic_state_new(2, "sim0", "simulated", 4, 16, &s), 0);
	assert_int_equal(sim_add_nic(sim, s, NULL, NULL), 0);
	nic_state_free(s);
	assert_int_equal(sim->ops->open(sim, 2, &nic, NULL), 0);
	assert_int_equal(worker_new(it.event, nic, &w), 0);
	worker_watch(w, PATIENCE_USEC, on_standstill, &it);
	return w;
}

static void stop(struct nic_backend *sim, struct worker *w)
{
	worker_join(w);
	sd_event_unref(it.event);
	sim->ops->free(sim);
}

static void test_a_stalled_worker_is_reported(void **state)
{
	struct nic_backend *sim = sim_new();
	struct worker *w = start(sim);

	assert_int_equal(worker_submit(w, JOB_IN_TURN, stand, done, NULL), 0);
	assert_int_equal(worker_submit(w, JOB_IN_TURN, stand, done, NULL), 0);
	run_until_done(2);
	assert_int_equal(it.stood, 2); /* once each */
	assert_int_equal(it.went_on, 2);
	assert_false(it.in_kernel);
	stop(sim, w);
}

static void test_a_worker_that_resumes_is_reported(void **state)
{
	struct nic_backend *sim = sim_new();
	struct worker *w = start(sim);

	assert_int_equal(worker_submit(w, JOB_RECLAIM, work, done, NULL), 0);
	run_until_done(1);
	assert_int_equal(it.stood, 0);
	assert_int_equal(it.went_on, 0);
	stop(sim, w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_stalled_worker_is_reported),
		cmocka_unit_test(test_a_worker_that_resumes_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
