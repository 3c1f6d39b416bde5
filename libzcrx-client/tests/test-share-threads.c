/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two processes that share a refill ring, as two threads, and the kernel as a third: it gives each of them
 * buffers, and gets every one back once. Under ThreadSanitizer this shows that only one of them writes to the
 * ring at a time, and that the other one sees what it has written.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "refill.h"

#define N	  64U
#define LENGTH	  4096U
#define DEPTH	  16U
#define TURNS	  50000U
#define PROCESSES 2U

/* On a busy machine whoever only yields takes the time of those that it waits for. */
static void rest(void)
{
	static _Thread_local unsigned int n;

	if (++n % 16 == 0)
		usleep(50);
	else
		sched_yield();
}

/* Of cmocka's assertions only the main thread may fail. */
#define must(x) ((x) ? (void)0 : abort())

/* One producer, the kernel, and one consumer. */
struct process {
	pthread_t thread;
	struct refill refill;
	unsigned int head, tail;
	uint32_t buffers[DEPTH];
	unsigned int returned;
};

static struct process processes[PROCESSES];
static struct zc_rqe entries[N];
static uint32_t rq_head, rq_tail, lock;
static unsigned int owed[N];
static bool over;

static void *work(void *userdata)
{
	struct process *p = userdata;

	for (;;) {
		bool last = __atomic_load_n(&over, __ATOMIC_ACQUIRE);
		uint64_t offset;

		if (p->head == __atomic_load_n(&p->tail, __ATOMIC_ACQUIRE)) {
			refill_settle(&p->refill); /* what was tried for in vain */
			if (last)
				return NULL;
			rest();
			continue;
		}
		offset = (uint64_t)p->buffers[p->head % DEPTH] * LENGTH;
		__atomic_store_n(&p->head, p->head + 1, __ATOMIC_RELEASE);
		must(refill_take(&p->refill, offset, 1, &offset) == 0);
		must(refill_give(&p->refill, offset) == 0);
		refill_settle(&p->refill);
		p->returned++;
	}
}

static void take_entries(void)
{
	uint32_t tail = __atomic_load_n(&rq_tail, __ATOMIC_ACQUIRE);

	must(tail - rq_head <= N);
	while (rq_head != tail) {
		uint64_t off = entries[rq_head & (N - 1)].off;

		__atomic_store_n(&rq_head, rq_head + 1, __ATOMIC_RELEASE);
		must(off % LENGTH == 0 && off / LENGTH < N);
		must(owed[off / LENGTH]-- > 0);
	}
}

/* So many references of a buffer at once that the ring never overflows. */
static bool give(struct process *p, uint32_t buffer)
{
	if (owed[buffer] > 0 || p->tail - __atomic_load_n(&p->head, __ATOMIC_ACQUIRE) == DEPTH)
		return false;
	owed[buffer]++;
	p->buffers[p->tail % DEPTH] = buffer;
	__atomic_store_n(&p->tail, p->tail + 1, __ATOMIC_RELEASE);
	return true;
}

static void test_every_buffer_comes_back_once_whoever_returns_it(void **state)
{
	unsigned int seed = 1, given = 0, left = 0;

	for (unsigned int i = 0; i < PROCESSES; i++) {
		struct refill *r = &processes[i].refill;

		assert_int_equal(refill_init(r, &rq_head, &rq_tail, entries, N, N, LENGTH, 0), 0);
		refill_share(r, &lock);
		assert_int_equal(pthread_create(&processes[i].thread, NULL, work, &processes[i]), 0);
	}
	while (given < TURNS) {
		unsigned int n = (unsigned int)rand_r(&seed);

		if (give(&processes[n % PROCESSES], n / PROCESSES % N))
			given++;
		else
			rest();
		take_entries();
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < PROCESSES; i++) {
		pthread_join(processes[i].thread, NULL);
		left += processes[i].returned;
	}
	/* The last tries may have met; nobody tries any more. */
	for (unsigned int i = 0; i < PROCESSES; i++)
		refill_settle(&processes[i].refill);
	take_entries();
	assert_int_equal(left, TURNS);
	assert_int_equal(rq_head, TURNS);
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(owed[i], 0);
	for (unsigned int i = 0; i < PROCESSES; i++)
		refill_done(&processes[i].refill);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_buffer_comes_back_once_whoever_returns_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
