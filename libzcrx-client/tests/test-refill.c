/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The refill ring against a model of the kernel's side of it, without a kernel. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "macro.h"
#include "refill.h"

#define LENGTH 4096U
#define TOKEN  (UINT64_C(0) << ZC_AREA_SHIFT)

/* The kernel's half: what it reads, and how often each buffer came back. */
struct kernel {
	uint32_t head, tail;
	struct zc_rqe entries[8];
	unsigned int came_back[8];
};

static void setup(struct kernel *k, struct refill *r, uint32_t start, uint32_t buffers)
{
	*k = (struct kernel) { .head = start, .tail = start };
	assert_int_equal(refill_init(r, &k->head, &k->tail, k->entries, 8, buffers, LENGTH, TOKEN),
			 0);
}

static unsigned int consume(struct kernel *k, unsigned int most)
{
	unsigned int n = 0;

	for (; n < most && k->head != k->tail; n++, k->head++) {
		struct zc_rqe *e = &k->entries[k->head & 7];

		assert_true(k->tail - k->head <= 8);
		assert_int_equal(e->off % LENGTH, 0);
		assert_int_equal(e->pad, 0);
		assert_int_equal(e->len, LENGTH);
		k->came_back[e->off / LENGTH]++;
	}
	return n;
}

static void take(struct refill *r, uint32_t buffer, uint32_t at, uint32_t length)
{
	uint64_t offset = 0;

	assert_int_equal(refill_take(r, (uint64_t)buffer * LENGTH + at, length, &offset), 0);
	assert_int_equal(offset, (uint64_t)buffer * LENGTH + at);
}

/* One way and the other in turns: both come to the same. */
static int give(struct refill *r, uint64_t offset)
{
	static unsigned int n;
	int error;

	if (n++ % 2)
		return refill_return(r, offset);
	error = refill_give(r, offset);
	refill_settle(r);
	return error;
}

static uint64_t references(const struct refill *r)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < r->n_buffers; i++)
		n += (r->buffers[i].held >> 32) + (uint32_t)r->buffers[i].held;
	return n;
}

static void test_sizes(void **state)
{
	struct kernel k = {};
	struct refill r;

	(void)state;
	assert_int_equal(refill_entries_for(0), 0);
	assert_int_equal(refill_entries_for(1), 1);
	assert_int_equal(refill_entries_for(1000), 1024);
	assert_int_equal(refill_entries_for(1024), 1024);
	assert_int_equal(refill_entries_for(32768), 32768);
	assert_int_equal(refill_entries_for(32769), 0);
	assert_int_equal(refill_entries_for(UINT64_MAX), 0);
	assert_int_equal(refill_init(&r, &k.head, &k.tail, k.entries, 7, 4, LENGTH, 0), -EINVAL);
	assert_int_equal(refill_init(&r, &k.head, &k.tail, k.entries, 8, 9, LENGTH, 0), -EINVAL);
	assert_int_equal(refill_init(&r, &k.head, &k.tail, k.entries, 8, 0, LENGTH, 0), -EINVAL);
	assert_int_equal(refill_init(&r, &k.head, &k.tail, k.entries, 8, 8, 5000, 0), -EINVAL);
}

static void test_take_checks(void **state)
{
	uint64_t offset = 77;
	struct kernel k;
	struct refill r;

	(void)state;
	setup(&k, &r, 0, 8);
	assert_int_equal(refill_take(&r, 8 * LENGTH, 1, &offset), -EBADMSG);
	assert_int_equal(refill_take(&r, 0, 0, &offset), -EBADMSG);
	assert_int_equal(refill_take(&r, 0, LENGTH + 1, &offset), -EBADMSG);
	assert_int_equal(refill_take(&r, LENGTH - 1, 2, &offset), -EBADMSG);
	assert_int_equal(refill_take(&r, UINT64_C(1) << ZC_AREA_SHIFT, 1, &offset), -EBADMSG);
	assert_int_equal(refill_take(&r, UINT64_MAX, 1, &offset), -EBADMSG);
	assert_int_equal(offset, 77);
	assert_int_equal(references(&r), 0);
	take(&r, 7, 4095, 1);
	take(&r, 0, 0, LENGTH);
	assert_int_equal(references(&r), 2);
	refill_done(&r);
}

static void test_duplicates_refused(void **state)
{
	struct kernel k;
	struct refill r;

	(void)state;
	setup(&k, &r, 0, 8);
	assert_int_equal(give(&r, 0), -EINVAL);
	take(&r, 3, 100, 200);
	assert_int_equal(give(&r, 2 * LENGTH), -EINVAL);
	assert_int_equal(give(&r, 3 * LENGTH + 250), 0);
	assert_int_equal(give(&r, 3 * LENGTH + 250), -EINVAL);
	assert_int_equal(give(&r, 8 * LENGTH), -EINVAL);
	assert_int_equal(give(&r, UINT64_MAX), -EINVAL);
	assert_int_equal(refill_queued(&r), 1);
	assert_int_equal(consume(&k, 8), 1);
	assert_int_equal(k.came_back[3], 1);
	refill_done(&r);
}

static void test_entry_carries_token(void **state)
{
	uint64_t token = UINT64_C(5) << ZC_AREA_SHIFT, offset = 0;
	struct kernel k = {};
	struct refill r;

	(void)state;
	assert_int_equal(refill_init(&r, &k.head, &k.tail, k.entries, 8, 8, LENGTH, token), 0);
	assert_int_equal(refill_take(&r, 2 * LENGTH, 1, &offset), -EBADMSG);
	assert_int_equal(refill_take(&r, token | (2 * LENGTH + 5), 1, &offset), 0);
	assert_int_equal(offset, 2 * LENGTH + 5);
	assert_int_equal(give(&r, offset), 0);
	assert_true(k.entries[0].off == (token | 2 * LENGTH));
	refill_done(&r);
}

/* Head and tail run over the end of 32 bits, and of the ring, without losing a buffer. */
static void test_wraparound(void **state)
{
	struct kernel k;
	struct refill r;

	(void)state;
	setup(&k, &r, UINT32_MAX - 5, 8);
	for (unsigned int round = 0; round < 100; round++) {
		for (uint32_t b = 0; b < 8; b++)
			take(&r, b, 0, LENGTH);
		for (uint32_t b = 0; b < 8; b++)
			assert_int_equal(give(&r, b * LENGTH), 0);
		assert_int_equal(refill_queued(&r), 8);
		assert_int_equal(consume(&k, 8), 8);
	}
	for (unsigned int b = 0; b < 8; b++)
		assert_int_equal(k.came_back[b], 100);
	assert_true(k.tail < UINT32_MAX - 5); /* it did run over */
	refill_done(&r);
}

/* More references than entries: what does not fit waits, and all of it arrives. */
static void test_backlog(void **state)
{
	struct kernel k;
	struct refill r;

	(void)state;
	setup(&k, &r, UINT32_MAX - 2, 8);
	for (uint32_t b = 0; b < 8; b++)
		for (unsigned int i = 0; i < 5; i++)
			take(&r, b, i * 800, 800);
	assert_int_equal(references(&r), 40);
	for (uint32_t b = 0; b < 8; b++)
		for (unsigned int i = 0; i < 5; i++)
			assert_int_equal(give(&r, b * LENGTH), 0);
	assert_int_equal(references(&r), 0);
	assert_int_equal(refill_queued(&r), 8);
	assert_int_equal(give(&r, 0), -EINVAL);

	/* Both the next return and refill_settle() move it on. */
	assert_int_equal(consume(&k, 4), 4);
	take(&r, 7, 0, 1);
	assert_int_equal(give(&r, 7 * LENGTH), 0);
	assert_int_equal(refill_queued(&r), 8);
	assert_int_equal(consume(&k, 3), 3);
	refill_settle(&r);
	assert_int_equal(refill_queued(&r), 8);
	for (unsigned int left = 34; left > 0;) {
		unsigned int n = consume(&k, 5);

		assert_true(n > 0);
		left -= n;
		refill_settle(&r);
	}
	for (unsigned int b = 0; b < 8; b++)
		assert_int_equal(k.came_back[b], b == 7 ? 6 : 5);
	assert_int_equal(r.first, REFILL_NONE);
	assert_int_equal(r.list, REFILL_NONE);
	refill_done(&r);
}

/* What the application adds is not the kernel's: it hears of the buffer only when the last is given
 * up. */
static void test_hold(void **state)
{
	struct kernel k;
	struct refill r;

	(void)state;
	setup(&k, &r, 0, 8);
	assert_int_equal(refill_hold(&r, 0), -EINVAL);
	assert_int_equal(refill_hold(&r, 8 * LENGTH), -EINVAL);
	take(&r, 1, 0, 100);
	assert_int_equal(refill_hold(&r, LENGTH + 50), 0);
	take(&r, 1, 200, 100);
	assert_int_equal(refill_hold(&r, LENGTH), 0);
	assert_int_equal(references(&r), 4);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(refill_queued(&r), i < 3 ? 0 : 1);
		assert_int_equal(give(&r, LENGTH), 0);
	}
	assert_int_equal(give(&r, LENGTH), -EINVAL);
	assert_int_equal(refill_hold(&r, LENGTH), -EINVAL);
	assert_int_equal(consume(&k, 8), 2);
	assert_int_equal(k.came_back[1], 2);
	take(&r, 1, 0, 1);
	r.buffers[1].held |= UINT64_C(0xffffffff) << 32;
	assert_int_equal(refill_hold(&r, LENGTH), -EOVERFLOW);
	assert_int_equal(refill_forget(&r), UINT64_C(1) << 32);
	assert_int_equal(references(&r), 0);
	refill_done(&r);
}

/* After refill_close() nothing reaches the ring, and buffers can still be given back. */
static void test_closed(void **state)
{
	struct kernel k;
	struct refill r;

	(void)state;
	setup(&k, &r, 0, 8);
	take(&r, 1, 0, 1);
	take(&r, 2, 0, 1);
	assert_int_equal(give(&r, LENGTH), 0);
	refill_close(&r);
	assert_int_equal(give(&r, 2 * LENGTH), 0);
	assert_int_equal(give(&r, 2 * LENGTH), -EINVAL);
	assert_int_equal(k.tail, 1);
	refill_done(&r);
}

/* Any order of taking, giving and consuming keeps every reference accounted for. */
static void test_random_walk(void **state)
{
	unsigned int held[8] = {}, taken[8] = {}, n_held = 0;
	unsigned int seed = 1;
	struct kernel k;
	struct refill r;

	(void)state;
	setup(&k, &r, UINT32_MAX - 1000, 8);
	for (unsigned int i = 0; i < 100000; i++) {
		uint32_t b = (uint32_t)rand_r(&seed) % 8;

		switch (rand_r(&seed) % 3) {
		case 0:
			if (n_held < 60) {
				take(&r, b, 0, 1);
				held[b]++, taken[b]++, n_held++;
			}
			break;
		case 1:
			if (held[b] > 0) {
				assert_int_equal(give(&r, b * LENGTH), 0);
				held[b]--, n_held--;
			} else {
				assert_int_equal(give(&r, b * LENGTH), -EINVAL);
			}
			break;
		default:
			consume(&k, b);
		}
		assert_int_equal(references(&r), n_held);
		assert_true(refill_queued(&r) <= 8);
	}
	for (uint32_t b = 0; b < 8; b++)
		for (; held[b] > 0; held[b]--)
			assert_int_equal(give(&r, b * LENGTH), 0);
	while (consume(&k, 8) > 0)
		refill_settle(&r);
	assert_memory_equal(k.came_back, taken, sizeof(taken));
	refill_done(&r);
}

/* A head that makes no sense must not make us write over entries that were not taken. */
static void test_hostile_head(void **state)
{
	struct kernel k;
	struct refill r;

	(void)state;
	setup(&k, &r, 0, 8);
	take(&r, 1, 0, 1);
	k.head = 5; /* ahead of the tail */
	assert_int_equal(give(&r, LENGTH), 0);
	assert_int_equal(k.tail, 0);
	k.head = 0;
	refill_settle(&r);
	assert_int_equal(k.tail, 1);
	refill_done(&r);
}

/* ------------------------------------------------------------------ several processes */

static void test_shared_ring_goes_on_where_another_process_left_it(void **state)
{
	struct refill a, b;
	uint32_t lock = 0;
	struct kernel k;

	setup(&k, &a, UINT32_MAX - 1, 8);
	assert_int_equal(refill_init(&b, &k.head, &k.tail, k.entries, 8, 8, LENGTH, TOKEN), 0);
	refill_share(&a, &lock);
	refill_share(&b, &lock);
	for (uint32_t i = 0; i < 6; i++) {
		struct refill *r = i % 2 ? &a : &b;

		take(r, i, 0, 1);
		assert_int_equal(give(r, i * LENGTH), 0);
		assert_int_equal(refill_queued(&a), i + 1);
		assert_int_equal(refill_queued(&b), i + 1);
	}
	assert_int_equal(consume(&k, 8), 6);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(k.came_back[i], i < 6);
	assert_int_equal(lock, 0);
	refill_done(&a);
	refill_done(&b);
}

/* Whoever died with the lock: nobody waits, and nothing is lost. */
static void test_returned_buffers_wait_while_another_process_has_the_lock(void **state)
{
	uint32_t lock = 1, at = 0;
	struct refill r;
	struct kernel k;

	setup(&k, &r, 0, 4);
	refill_share(&r, &lock);
	take(&r, 2, 0, 1);
	take(&r, 3, 0, 1);
	assert_int_equal(give(&r, 2 * LENGTH), 0);
	assert_int_equal(k.tail, 0);
	/* 3 is out, and 2 is returned already. */
	assert_int_equal(refill_sweep(&r, &at), 2);
	assert_int_equal(at, 4);
	assert_int_equal(lock, 0);
	refill_settle(&r);
	assert_int_equal(consume(&k, 8), 3);
	assert_int_equal(k.came_back[0], 1);
	assert_int_equal(k.came_back[1], 1);
	assert_int_equal(k.came_back[2], 1);
	assert_int_equal(k.came_back[3], 0);
	refill_done(&r);
}

static void test_sweep_goes_on_when_there_is_room_again(void **state)
{
	uint32_t at = 0;
	struct refill r;
	struct kernel k;

	setup(&k, &r, 100, 8);
	k.tail += 5; /* of a process that has died */
	for (int i = 0; i < 5; i++)
		k.entries[(100 + i) & 7].len = LENGTH;
	assert_int_equal(refill_sweep(&r, &at), 3);
	assert_int_equal(at, 3);
	assert_int_equal(refill_sweep(&r, &at), 0);
	k.head = k.tail;
	assert_int_equal(refill_sweep(&r, &at), 5);
	assert_int_equal(at, 8);
	assert_int_equal(consume(&k, 8), 5);
	refill_done(&r);
}

static void test_a_return_waits_on_the_list_only_for_room_and_for_others(void **state)
{
	struct kernel k;
	struct refill r;

	(void)state;
	setup(&k, &r, 0, 8);
	for (uint32_t i = 0; i < 8; i++)
		take(&r, i, 0, 100);
	take(&r, 0, 100, 100);
	for (uint32_t i = 0; i < 7; i++) {
		assert_int_equal(refill_return(&r, (uint64_t)i * LENGTH), 0);
		assert_int_equal(refill_queued(&r), i + 1);
		assert_int_equal(r.list, REFILL_NONE);
		assert_int_equal(r.buffers[i].returned, 0);
	}
	/* Somebody else is at it. */
	r.busy = 1;
	assert_int_equal(refill_return(&r, 0), 0);
	assert_int_equal(refill_queued(&r), 7);
	r.busy = 0;
	refill_settle(&r);
	assert_int_equal(refill_queued(&r), 8);
	/* The ring is full. */
	assert_int_equal(refill_return(&r, (uint64_t)7 * LENGTH), 0);
	assert_int_equal(refill_queued(&r), 8);
	assert_int_equal(r.full, 1);
	assert_int_equal(consume(&k, 8), 8);
	/* What waits longer comes first. */
	take(&r, 3, 0, 100);
	assert_int_equal(refill_return(&r, (uint64_t)3 * LENGTH), 0);
	assert_int_equal(consume(&k, 1), 1);
	assert_int_equal(k.came_back[7], 1);
	assert_int_equal(consume(&k, 8), 1);
	assert_int_equal(refill_return(&r, (uint64_t)3 * LENGTH), -EINVAL);
	assert_int_equal(refill_return(&r, (uint64_t)8 * LENGTH), -EINVAL);
	refill_done(&r);
}

static void test_a_return_leaves_a_piece_of_several_buffers_alone(void **state)
{
	struct kernel k;
	struct refill r;

	(void)state;
	setup(&k, &r, 0, 8);
	take(&r, 2, 0, LENGTH);
	assert_int_equal(refill_join(&r, 2 * LENGTH, LENGTH, 3 * LENGTH, 10), 1);
	assert_int_equal(refill_return(&r, 2 * LENGTH), 1);
	assert_int_equal(references(&r), 2);
	assert_int_equal(refill_queued(&r), 0);
	/* The next buffer begins nothing. */
	assert_int_equal(refill_return(&r, 3 * LENGTH), 0);
	assert_int_equal(consume(&k, 8), 1);
	refill_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_take_checks),
		cmocka_unit_test(test_duplicates_refused),
		cmocka_unit_test(test_entry_carries_token),
		cmocka_unit_test(test_wraparound),
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_random_walk),
		cmocka_unit_test(test_hostile_head),
		cmocka_unit_test(test_shared_ring_goes_on_where_another_process_left_it),
		cmocka_unit_test(test_returned_buffers_wait_while_another_process_has_the_lock),
		cmocka_unit_test(test_sweep_goes_on_when_there_is_room_again),
		cmocka_unit_test(test_a_return_waits_on_the_list_only_for_room_and_for_others),
		cmocka_unit_test(test_a_return_leaves_a_piece_of_several_buffers_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
