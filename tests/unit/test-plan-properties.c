/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Thousands of random NICs and configurations, the same on every run. Whatever they are: a plan can
 * be carried out, ends where the configuration wants, needs no second one, and run backwards it
 * restores what was found.
 */
#include "random-nic.h"

#include "driver.h"

#define PAIRS 20000
#define QUEUES_MAX 256

static bool same(const struct nic_state *a, const struct nic_state *b)
{
	return nics_look_same(a, b) && a->rss_was_set == b->rss_was_set;
}

static void check_end(const struct config_interface *c, const struct nic_state *s,
		      const struct plan *p)
{
	unsigned counts[QUEUES_MAX] = {}, least = UINT32_MAX, most = 0;

	assert_int_equal(s->split, SPLIT_ENABLED);
	assert_true(s->split_was_set);
	assert_int_equal(s->hds_threshold, 0);
	if (driver_needs_ntuple(s->driver))
		assert_int_equal(s->ntuple, FEATURE_ON);
	if (c->rx_ring)
		assert_int_equal(s->rx_ring, c->rx_ring);
	if (c->channels_mode == CHANNELS_COUNT)
		assert_int_equal(s->n_queues, c->channels);
	assert_int_equal(p->carve_out.zero_copy_first + c->zero_copy_queues, s->n_queues);
	assert_true(p->carve_out.ordinary >= 1);
	/* RSS leads to the ordinary queues, equally, and to no other. */
	for (size_t i = 0; i < s->rss.n; i++) {
		assert_true(s->rss.entries[i] < p->carve_out.zero_copy_first);
		counts[s->rss.entries[i]]++;
	}
	for (unsigned q = 0; q < p->carve_out.ordinary; q++) {
		least = counts[q] < least ? counts[q] : least;
		most = counts[q] > most ? counts[q] : most;
	}
	assert_true(most - least <= 1);
	/* The table is one that channels no longer move. */
	assert_true(s->rss_was_set);
}

static void apply_all(struct nic_state *s, const struct plan *p)
{
	for (size_t i = 0; i < p->n_steps; i++) {
		assert_int_equal(nic_state_apply(s, &p->steps[i]), 0);
		/* No state in between leads to a queue that does not exist. */
		assert_true(rss_table_span(&s->rss) <= s->n_queues);
	}
}

static void check_pair(const struct config_interface *c, const struct nic_state *found,
		       const struct plan *p)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	_cleanup_(plan_freep) struct plan *again = NULL;

	assert_int_equal(nic_state_copy(found, &s), 0);
	for (size_t i = 1; i < p->n_steps; i++)
		assert_true(p->steps[i].op != p->steps[i - 1].op);
	assert_int_equal(p->n_waiting, 0);
	apply_all(s, p);
	check_end(c, s, p);
	assert_int_equal(plan_build(c, s, NULL, &again, NULL), 0);
	assert_int_equal(again->n_steps, 0);
	assert_memory_equal(&again->carve_out, &p->carve_out, sizeof(p->carve_out));
	for (size_t i = p->n_steps; i-- > 0;) {
		struct step inverse = step_inverse(&p->steps[i]);

		assert_int_equal(nic_state_apply(s, &inverse), 0);
		assert_true(rss_table_span(&s->rss) <= s->n_queues);
	}
	assert_true(same(s, found));
}

/* However far a plan came: back to what was found, and nothing is left to put back. */
static void check_restore(const struct nic_state *found, const struct plan *p)
{
	for (size_t done = 0; done <= p->n_steps; done++) {
		_cleanup_(nic_state_freep) struct nic_state *s = NULL;
		_cleanup_(plan_freep) struct plan *back = NULL, *again = NULL;

		assert_int_equal(nic_state_copy(found, &s), 0);
		for (size_t i = 0; i < done; i++)
			assert_int_equal(nic_state_apply(s, &p->steps[i]), 0);
		assert_int_equal(plan_restore(found, s, NULL, false, &back, NULL), 0);
		apply_all(s, back);
		/* Nobody can see that a table was set to what it is by default. */
		assert_true(done < p->n_steps ? nics_look_same(s, found) : same(s, found));
		assert_int_equal(plan_restore(found, s, NULL, false, &again, NULL), 0);
		assert_int_equal(again->n_steps, 0);
	}
}

/* Half a plan is undone as well: the way back of a step that failed. */
static void check_prefixes(const struct nic_state *found, const struct plan *p)
{
	for (size_t done = 0; done < p->n_steps; done++) {
		_cleanup_(nic_state_freep) struct nic_state *s = NULL;

		assert_int_equal(nic_state_copy(found, &s), 0);
		for (size_t i = 0; i < done; i++)
			assert_int_equal(nic_state_apply(s, &p->steps[i]), 0);
		for (size_t i = done; i-- > 0;) {
			struct step inverse = step_inverse(&p->steps[i]);

			assert_int_equal(nic_state_apply(s, &inverse), 0);
		}
		assert_true(same(s, found));
	}
}

static void test_pairs(void **state)
{
	uint64_t seed = 715517;
	unsigned planned = 0, refused = 0;

	for (unsigned i = 0; i < PAIRS; i++) {
		_cleanup_(nic_state_freep) struct nic_state *s = random_nic(&seed);
		_cleanup_(plan_freep) struct plan *p = NULL;
		_cleanup_fault_ struct fault f = {};
		struct config_interface c = random_config(&seed);
		int r;

		r = plan_build(&c, s, NULL, &p, &f);
		if (r == 0) {
			check_pair(&c, s, p);
			check_prefixes(s, p);
			check_restore(s, p);
			planned++;
		} else {
			assert_int_equal(r, ZCRX_NOT_SUPPORTED);
			assert_non_null(f.message);
			refused++;
		}
	}
	assert_true(planned > PAIRS / 4);
	assert_true(refused > PAIRS / 10);
}

/* From one configuration to another, as a reload goes: the first one's end is the second's start.
 */
static void test_sequences(void **state)
{
	uint64_t seed = 4242;

	for (unsigned i = 0; i < 500; i++) {
		_cleanup_(nic_state_freep) struct nic_state *s = random_nic(&seed);

		for (unsigned k = 0; k < 10; k++) {
			struct config_interface c = random_config(&seed);
			_cleanup_(plan_freep) struct plan *p = NULL;

			if (plan_build(&c, s, NULL, &p, NULL) != 0)
				continue;
			apply_all(s, p);
			check_end(&c, s, p);
		}
	}
}

/* --------------------------------------------------------------------- with queues held */

/* Some of the carve-out, at least one, bound. */
static size_t hold(uint64_t *seed, struct nic_state *s, const struct carve_out *c, uint32_t *ret)
{
	size_t n = 0;

	for (unsigned q = c->zero_copy_first; q < s->n_queues; q++)
		if (test_between(seed, 0, 2) == 0 || (n == 0 && q + 1 == s->n_queues)) {
			s->queues[q].io_uring = s->queues[q].leased = true;
			ret[n++] = q;
		}
	return n;
}

static void check_not_disturbed(const struct nic_state *s, const struct plan *p,
				const struct busy_queues *held)
{
	for (size_t i = 0; i < p->n_steps; i++)
		assert_false(step_disturbs(p->steps[i].op, s->driver));
	for (size_t i = 0; i < p->n_waiting; i++) {
		assert_true(p->waiting[i].n_queues > 0);
		assert_true(p->waiting[i].n_queues <= held->n);
	}
	assert_true(p->carve_out.ordinary >= 1);
	assert_int_equal(p->carve_out.zero_copy_first + p->carve_out.zero_copy_count, s->n_queues);
	assert_true(p->carve_out.lease_first >= p->carve_out.zero_copy_first);
	for (size_t i = 0; i < held->n; i++)
		assert_true(held->queues[i] >= p->carve_out.zero_copy_first);
}

/* What can be done is done, without touching a held queue; what is left is waiting for some; and
 * when they are given back, it follows. */
static bool check_held(uint64_t *seed, struct nic_state *s, const struct config_interface *c,
		       const struct carve_out *before)
{
	uint32_t queues[QUEUES_MAX];
	const struct busy_queues held = { queues, hold(seed, s, before, queues) };
	_cleanup_(plan_freep) struct plan *p = NULL, *again = NULL, *rest = NULL;
	bool waited;

	if (plan_build(c, s, &held, &p, NULL) != 0)
		return false;
	check_not_disturbed(s, p, &held);
	apply_all(s, p);
	for (size_t i = 0; i < held.n; i++)
		assert_false(rss_table_leads_to(&s->rss, queues[i]));
	for (unsigned q = p->carve_out.lease_first; q < s->n_queues; q++)
		assert_false(rss_table_leads_to(&s->rss, q));
	assert_int_equal(plan_build(c, s, &held, &again, NULL), 0);
	assert_int_equal(again->n_steps, 0);
	assert_int_equal(again->n_waiting, p->n_waiting);
	assert_memory_equal(&again->carve_out, &p->carve_out, sizeof(p->carve_out));
	waited = p->n_waiting > 0;
	if (!waited)
		check_end(c, s, p);
	for (size_t i = 0; i < held.n; i++)
		s->queues[queues[i]].io_uring = s->queues[queues[i]].leased = false;
	assert_int_equal(plan_build(c, s, NULL, &rest, NULL), 0);
	assert_true(waited == (rest->n_steps > 0));
	apply_all(s, rest);
	check_end(c, s, rest);
	return waited;
}

static void test_held(void **state)
{
	uint64_t seed = 20071;
	unsigned waited = 0, done = 0;

	for (unsigned i = 0; i < PAIRS / 4; i++) {
		_cleanup_(nic_state_freep) struct nic_state *s = random_nic(&seed);
		struct config_interface first = random_config(&seed), next = random_config(&seed);
		_cleanup_(plan_freep) struct plan *p = NULL;

		if (plan_build(&first, s, NULL, &p, NULL) != 0)
			continue;
		apply_all(s, p);
		/* Mostly the carve-out alone changes. */
		if (test_between(&seed, 0, 2)) {
			next.channels_mode = CHANNELS_KEEP;
			next.rx_ring = first.rx_ring;
		}
		*(check_held(&seed, s, &next, &p->carve_out) ? &waited : &done) += 1;
	}
	assert_true(waited > PAIRS / 40);
	assert_true(done > PAIRS / 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_sequences),
		cmocka_unit_test(test_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
