/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where RSS leads where idle queues serve: by cases, and by thousands of random NICs, configurations and leases.
 */
#include "random-nic.h"

#define ENTRIES 128
#define QUEUES_MAX 256

static const struct carve_out serving = { .ordinary = 4, .zero_copy_first = 4, .zero_copy_count = 4,
					  .idle_queues = IDLE_SERVE };

#define HELD(...)                                                                                  \
	(&(const struct busy_queues){ (const uint32_t[]){ __VA_ARGS__ },                           \
				      sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t) })
static const struct busy_queues nobody;

/* How many entries change; 0 if it will do as it is. */
static size_t follow(const struct carve_out *c, const struct busy_queues *held, struct rss_table *now)
{
	uint32_t *table;
	size_t moved = 0;
	bool is;

	assert_int_equal(rss_wanted(c, held, now, now->n, &table, &is), 0);
	for (size_t i = 0; i < now->n && !is; i++) {
		moved += table[i] != now->entries[i];
		now->entries[i] = table[i];
	}
	assert_true(is == (moved == 0));
	free(table);
	return moved;
}

/* Equally over exactly these. */
static void assert_over(const struct rss_table *t, const struct busy_queues *queues)
{
	assert_true(rss_table_is_equal(t));
	for (size_t i = 0; i < queues->n; i++)
		assert_true(rss_table_leads_to(t, queues->queues[i]));
	for (size_t i = 0; i < t->n; i++) {
		const struct rss_table listed = { .entries = (uint32_t *)queues->queues, .n = queues->n };

		assert_true(rss_table_leads_to(&listed, t->entries[i]));
	}
}

static struct rss_table table_over(uint32_t *entries, unsigned queues)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		entries[i] = i % queues;
	return (struct rss_table){ .entries = entries, .n = ENTRIES };
}

static void test_it_follows_the_leases(void **state)
{
	uint32_t entries[ENTRIES];
	struct rss_table t = table_over(entries, 8);

	assert_int_equal(follow(&serving, &nobody, &t), 0);
	(void)follow(&serving, HELD(5), &t);
	assert_over(&t, HELD(0, 1, 2, 3, 4, 6, 7));
	(void)follow(&serving, HELD(5, 4), &t);
	assert_over(&t, HELD(0, 1, 2, 3, 6, 7));
	(void)follow(&serving, HELD(4), &t);
	assert_over(&t, HELD(0, 1, 2, 3, 5, 6, 7));
	(void)follow(&serving, HELD(4, 5, 6, 7), &t);
	assert_over(&t, HELD(0, 1, 2, 3));
	(void)follow(&serving, &nobody, &t);
	assert_over(&t, HELD(0, 1, 2, 3, 4, 5, 6, 7));
}

/* 128 entries over eight are 16 each. */
static void test_only_flows_of_the_leased_queue_move(void **state)
{
	uint32_t entries[ENTRIES], before[ENTRIES];
	struct rss_table t = table_over(entries, 8);

	memcpy(before, entries, sizeof(before));
	assert_int_equal(follow(&serving, HELD(6), &t), 16);
	for (unsigned i = 0; i < ENTRIES; i++)
		assert_true(before[i] == 6 || before[i] == entries[i]);
	/* And back: what the queue gets, and no more. */
	assert_int_equal(follow(&serving, &nobody, &t), 16);
}

static void test_the_lowest_are_kept_free(void **state)
{
	struct carve_out c = serving;
	uint32_t entries[ENTRIES];
	struct rss_table t = table_over(entries, 8);

	c.keep_free = 2;
	(void)follow(&c, &nobody, &t);
	assert_over(&t, HELD(0, 1, 2, 3, 6, 7));
	(void)follow(&c, HELD(4), &t);
	assert_over(&t, HELD(0, 1, 2, 3, 7));
	(void)follow(&c, HELD(5), &t);
	assert_over(&t, HELD(0, 1, 2, 3, 7));
	(void)follow(&c, HELD(4, 5, 6), &t);
	assert_over(&t, HELD(0, 1, 2, 3));
}

static void test_reserved_queues_never_serve(void **state)
{
	struct carve_out c = serving;
	uint32_t entries[ENTRIES];
	struct rss_table t = table_over(entries, 8);

	c.idle_queues = IDLE_RESERVE;
	(void)follow(&c, &nobody, &t);
	assert_over(&t, HELD(0, 1, 2, 3));
	/* In whatever order. */
	entries[0] = 1;
	entries[1] = 0;
	assert_int_equal(follow(&c, HELD(7), &t), 0);
}

static void test_a_table_is_no_longer_than_its_entries(void **state)
{
	uint32_t entries[6] = { 0, 1, 2, 3, 4, 5 };
	struct rss_table t = { .entries = entries, .n = 6 };

	assert_int_equal(follow(&serving, &nobody, &t), 0);
	(void)follow(&serving, HELD(4), &t);
	assert_over(&t, HELD(0, 1, 2, 3, 5, 6));
}

static void test_what_only_has_to_follow_leases(void **state)
{
	struct carve_out reserve = serving;
	uint32_t entries[ENTRIES];
	struct rss_table t = table_over(entries, 8);

	reserve.idle_queues = IDLE_RESERVE;
	assert_true(rss_is_serving(&serving, &t));
	assert_false(rss_is_serving(&reserve, &t));
	(void)follow(&serving, HELD(5, 7), &t);
	assert_true(rss_is_serving(&serving, &t));
	t = table_over(entries, 4);
	assert_true(rss_is_serving(&serving, &t));
	/* Not these: an ordinary queue is missing, one has more, one is none of the carve-out. */
	t = table_over(entries, 3);
	assert_false(rss_is_serving(&serving, &t));
	t = table_over(entries, 8);
	entries[0] = entries[1] = 7;
	assert_false(rss_is_serving(&serving, &t));
	t = table_over(entries, 9);
	assert_false(rss_is_serving(&serving, &t));
}

static void test_a_driver_that_bounces_is_refused(void **state)
{
	uint64_t seed = 1;
	const struct config_interface c = { .zero_copy_queues = 1, .idle_queues = IDLE_SERVE, .tcp_data_split = true };
	_cleanup_(nic_state_freep) struct nic_state *s = random_nic(&seed);
	_cleanup_(plan_freep) struct plan *p = NULL;
	_cleanup_fault_ struct fault fault = {};

	free(s->driver);
	s->driver = strdup("bnxt_en");
	s->split = SPLIT_ENABLED;
	s->no_queue_management = false;
	assert_int_equal(plan_build(&c, s, NULL, &p, &fault), ZCRX_NOT_SUPPORTED);
	assert_string_equal(fault.subject, "idle-queues");
	assert_non_null(strstr(fault.message, "(bnxt_en) interrupts the link"));
}

/* ------------------------------------------------------------------------------ random */

static size_t hold(uint64_t *seed, const struct carve_out *c, uint32_t *ret)
{
	size_t n = 0;

	for (unsigned i = 0; i < c->zero_copy_count; i++)
		if (test_between(seed, 0, 2) == 0)
			ret[n++] = c->zero_copy_first + i;
	return n;
}

static void assert_serves(const struct nic_state *s, const struct carve_out *c, const struct busy_queues *held)
{
	const struct rss_table busy = { .entries = (uint32_t *)held->queues, .n = held->n };
	unsigned idle = c->zero_copy_count - (unsigned)held->n;
	unsigned queues = c->ordinary + (idle > c->keep_free ? idle - c->keep_free : 0);

	assert_true(rss_table_is_equal(&s->rss));
	assert_int_equal(nic_state_rss_queues(s), queues < s->rss.n ? queues : s->rss.n);
	for (size_t i = 0; i < s->rss.n; i++)
		assert_false(rss_table_leads_to(&busy, s->rss.entries[i]));
}

/* One plan from lease to lease: of RSS alone, and nothing to be told as drift. */
static void check_lease(const struct config_interface *c, struct nic_state *s, const struct busy_queues *held)
{
	_cleanup_(plan_freep) struct plan *p = NULL, *again = NULL;

	assert_int_equal(plan_build(c, s, held, &p, NULL), 0);
	assert_int_equal(p->n_waiting, 0);
	for (size_t i = 0; i < p->n_steps; i++) {
		assert_int_equal(p->steps[i].op, STEP_RSS);
		assert_true(p->steps[i].follows_leases);
		assert_int_equal(nic_state_apply(s, &p->steps[i]), 0);
	}
	assert_serves(s, &p->carve_out, held);
	assert_int_equal(plan_build(c, s, held, &again, NULL), 0);
	assert_int_equal(again->n_steps, 0);
}

static void test_random_leases(void **state)
{
	uint64_t seed = 990817;
	unsigned planned = 0;

	for (unsigned i = 0; i < 1000; i++) {
		_cleanup_(nic_state_freep) struct nic_state *s = random_nic(&seed);
		struct config_interface c = random_config(&seed);
		_cleanup_(plan_freep) struct plan *p = NULL;
		uint32_t queues[QUEUES_MAX];

		c.idle_queues = IDLE_SERVE;
		c.keep_free = test_between(&seed, 0, 3) % (c.zero_copy_queues + 1);
		if (plan_build(&c, s, NULL, &p, NULL) != 0)
			continue;
		for (size_t k = 0; k < p->n_steps; k++)
			assert_int_equal(nic_state_apply(s, &p->steps[k]), 0);
		assert_serves(s, &p->carve_out, &nobody);
		for (unsigned k = 0; k < 4; k++)
			check_lease(&c, s, &(struct busy_queues){ queues, hold(&seed, &p->carve_out, queues) });
		planned++;
	}
	assert_true(planned > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_follows_the_leases),
		cmocka_unit_test(test_only_flows_of_the_leased_queue_move),
		cmocka_unit_test(test_the_lowest_are_kept_free),
		cmocka_unit_test(test_reserved_queues_never_serve),
		cmocka_unit_test(test_a_table_is_no_longer_than_its_entries),
		cmocka_unit_test(test_what_only_has_to_follow_leases),
		cmocka_unit_test(test_a_driver_that_bounces_is_refused),
		cmocka_unit_test(test_random_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
