/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Eight threads return what one receives, some of it held by several. The kernel is a thread, too: it takes
 * from the refill ring, and a buffer whose references are all back is written to again. Under
 * ThreadSanitizer this shows that whoever reads a span has finished when the NIC writes the next.
 */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "fake-kernel.h"

#define THREADS 8U
#define DEPTH	64U
#define PIECE	100U

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

/* One producer, one consumer. */
struct lane {
	pthread_t thread;
	unsigned int head, tail;
	struct zcrx_span spans[DEPTH];
	unsigned int number;
	uint64_t returned;
};

static struct lane lanes[THREADS];
static pthread_t kernel;
static unsigned int owed[N]; /* references that the kernel has given, and not got back */
static unsigned int random_seed;
static bool over;
static struct zcrx_pool *pool; /* the threads' view of it */

static unsigned int random_below(unsigned int n)
{
	return (unsigned int)rand_r(&random_seed) % n;
}

static void *be_the_kernel(void *unused)
{
	(void)unused;
	for (;;) {
		bool last = __atomic_load_n(&over, __ATOMIC_ACQUIRE);
		uint32_t tail = __atomic_load_n(&k->rq_tail, __ATOMIC_ACQUIRE);

		must(tail - k->rq_head <= N);
		if (k->rq_head == tail && last)
			return NULL;
		if (k->rq_head == tail)
			rest();
		while (k->rq_head != tail) {
			uint64_t off = k->rqes[k->rq_head & (N - 1)].off;

			__atomic_store_n(&k->rq_head, k->rq_head + 1, __ATOMIC_RELEASE);
			must(off % LENGTH == 0 && off < N * LENGTH);
			must(__atomic_fetch_sub(&owed[off / LENGTH], 1, __ATOMIC_ACQ_REL) > 0);
		}
	}
}

static void give_back(const void *const *data, uint32_t n)
{
	if (n == 1)
		must(zcrx_pool_return(pool, data[0]) == 0);
	else
		must(zcrx_pool_return_many(pool, data, n) == 0);
}

/* Reads what came, and returns it one by one or several at once. */
static void *work(void *userdata)
{
	struct lane *l = userdata;
	unsigned int seed = l->number;

	for (;;) {
		bool last = __atomic_load_n(&over, __ATOMIC_ACQUIRE);
		uint32_t n = __atomic_load_n(&l->tail, __ATOMIC_ACQUIRE) - l->head;
		const void *data[DEPTH];

		if (n == 0 && last)
			return NULL;
		if (n == 0) {
			rest();
			continue;
		}
		if (rand_r(&seed) % 2)
			n = 1;
		for (uint32_t i = 0; i < n; i++) {
			const struct zcrx_span *span = &l->spans[(l->head + i) % DEPTH];

			data[i] = span->data;
			must(memcmp(span->data, (char *)span->data + 1, span->length - 1) == 0);
		}
		give_back(data, n);
		l->returned += n;
		__atomic_store_n(&l->head, l->head + n, __ATOMIC_RELEASE);
	}
}

static void hand_over(const struct zcrx_span *span)
{
	struct lane *l = &lanes[random_below(THREADS)];

	while (l->tail - __atomic_load_n(&l->head, __ATOMIC_ACQUIRE) == DEPTH)
		rest();
	l->spans[l->tail % DEPTH] = *span;
	__atomic_store_n(&l->tail, l->tail + 1, __ATOMIC_RELEASE);
}

/* The NIC writes a buffer, and it is received in pieces, each held by one thread or by three. How many
 * references that makes. */
static unsigned int receive(unsigned int buffer, unsigned int pieces)
{
	unsigned int references = 0;

	memset(k->area + buffer * LENGTH, (int)random_below(256), LENGTH);
	__atomic_store_n(&owed[buffer], pieces, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < pieces; i++) {
		const struct zc_cqe cqe = { .result = PIECE, .flags = ZC_CQE_F_MORE,
					    .off = buffer * LENGTH + i * PIECE };
		unsigned int holders = random_below(4) == 0 ? 3 : 1;
		struct zcrx_span span;

		assert_int_equal(zcrx_pool_take(k->pool, &cqe, &span), 1);
		for (unsigned int j = 1; j < holders; j++)
			assert_int_equal(zcrx_pool_hold(k->pool, span.data), 0);
		for (unsigned int j = 0; j < holders; j++)
			hand_over(&span);
		references += holders;
	}
	return references;
}

/* Several whole buffers that are one span. */
static unsigned int receive_joined(unsigned int first, unsigned int n)
{
	unsigned int holders = random_below(4) == 0 ? 3 : 1;
	int byte = (int)random_below(256);
	struct zcrx_span span;

	for (unsigned int i = 0; i < n; i++) {
		const struct zc_cqe cqe = { .result = LENGTH, .flags = ZC_CQE_F_MORE, .off = (first + i) * LENGTH };

		memset(k->area + cqe.off, byte, LENGTH);
		__atomic_store_n(&owed[first + i], 1, __ATOMIC_RELEASE);
		if (i == 0)
			assert_int_equal(zcrx_pool_take(k->pool, &cqe, &span), 1);
		else
			assert_int_equal(pool_join(k->pool, &cqe, span.offset, i * LENGTH), 1);
	}
	span.length = n * LENGTH;
	for (unsigned int i = 1; i < holders; i++)
		assert_int_equal(zcrx_pool_hold(k->pool, span.data), 0);
	for (unsigned int i = 0; i < holders; i++)
		hand_over(&span);
	return holders;
}

static void start_threads(void)
{
	pool = k->pool;
	random_seed++;
	over = false;
	memset(owed, 0, sizeof(owed));
	assert_int_equal(pthread_create(&kernel, NULL, be_the_kernel, NULL), 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		lanes[i] = (struct lane) { .number = i };
		assert_int_equal(pthread_create(&lanes[i].thread, NULL, work, &lanes[i]), 0);
	}
}

/* How many references they have returned. */
static uint64_t join_threads(void)
{
	uint64_t returned = 0;

	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(lanes[i].thread, NULL);
		returned += lanes[i].returned;
	}
	pthread_join(kernel, NULL);
	return returned;
}

static void await(unsigned int buffer, bool settle)
{
	while (__atomic_load_n(&owed[buffer], __ATOMIC_ACQUIRE) > 0) {
		/* As who has been told that there is no buffer. */
		if (settle)
			zcrx_pool_next(k->pool, -ENOMEM);
		rest();
	}
}

static void end_run(uint64_t references, bool settle)
{
	for (unsigned int i = 0; i < N; i++)
		await(i, settle);
	assert_int_equal(join_threads(), references);
	assert_int_equal(pool_spans_out(k->pool), 0);
	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(owed[i], 0);
		assert_int_equal(k->pool->refill.buffers[i].held, 0);
		assert_int_equal(k->pool->refill.buffers[i].returned, 0);
	}
}

static void run(unsigned int pieces_max)
{
	uint64_t references = 0;

	start_threads();
	for (unsigned int i = 0; references < 40000; i++) {
		await(i % N, pieces_max > 1);
		references += receive(i % N, 1 + random_below(pieces_max));
	}
	end_run(references, pieces_max > 1);
}

/* What was returned reaches the ring by the threads alone: the one that receives may be asleep. */
static void test_any_thread_returns(void **state)
{
	(void)state;
	run(1);
}

/* More references than the ring has entries. */
static void test_the_ring_is_full(void **state)
{
	(void)state;
	run(5);
}

static void test_any_thread_returns_what_is_joined(void **state)
{
	uint64_t references = 0;

	(void)state;
	start_threads();
	while (references < 15000) {
		unsigned int n = 1 + random_below(4), first = random_below(N + 1 - n);

		for (unsigned int i = 0; i < n; i++)
			await(first + i, false);
		references += receive_joined(first, n);
	}
	end_run(references, false);
}

/* The receiving thread drops the pool while the others still have spans of it: the last one frees it. */
static void test_any_thread_is_the_last(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		start_threads();
		for (unsigned int i = 0; i < N; i++)
			receive(i, 2);
		drop_pool();
		join_threads();
		assert_int_equal(k->lease.refs, 1);
		k->pool = kernel_new_pool();
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kernel_setup, kernel_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_any_thread_returns),
		TEST(test_the_ring_is_full),
		TEST(test_any_thread_returns_what_is_joined),
		TEST(test_any_thread_is_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
