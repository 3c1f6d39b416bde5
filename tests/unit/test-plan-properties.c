/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Thousands of random NICs and configurations, the same on every run. Whatever they are: a plan can
 * be carried out, ends where the configuration wants, needs no second one, and run backwards it
 * restores what was found.
 */
#include "testlib.h"

#include "plan.h"

#define PAIRS 20000

static const char *const drivers[] = { "test", "mlx5_core", "gve" };

static void random_channels(uint64_t *seed, struct nic_state *s)
{
	unsigned max = test_between(seed, 1, 24), now = test_between(seed, 1, max);

	s->has_channels = true;
	if (test_between(seed, 0, 3) == 0)
		s->channels =
			(struct nic_channels) { .rx = now, .rx_max = max, .tx = 2, .tx_max = 8 };
	else
		s->channels = (struct nic_channels) { .combined = now, .combined_max = max };
	if (test_between(seed, 0, 5) == 0 && s->channels.combined)
		s->channels.rx = s->channels.rx_max = 1;
	s->n_queues = nic_channels_rx(&s->channels);
	s->queues = calloc(s->n_queues, sizeof(*s->queues));
}

/* Default, equal over a few, or anything. A set one must not look like the default one: nobody
 * could tell them apart, and undo would leave the other. */
static void random_rss(uint64_t *seed, struct nic_state *s)
{
	static const size_t sizes[] = { 32, 64, 128, 129 };
	unsigned queues = (unsigned)s->n_queues, over = test_between(seed, 1, queues);
	unsigned kind = test_between(seed, 0, 2);

	s->has_rss = true;
	s->rss.n = sizes[test_between(seed, 0, 3)];
	s->rss.entries = calloc(s->rss.n, sizeof(uint32_t));
	for (size_t i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = kind == 0	? i % queues
				    : kind == 1 ? i % over
						: test_between(seed, 0, queues - 1);
	for (size_t i = 0; i < s->rss.n && !s->rss_was_set; i++)
		s->rss_was_set = s->rss.entries[i] != i % queues;
}

static struct nic_state *random_nic(uint64_t *seed)
{
	struct nic_state *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	strcpy(s->name, "eth0");
	s->driver = strdup(drivers[test_between(seed, 0, ARRAY_SIZE(drivers) - 1)]);
	random_channels(seed, s);
	random_rss(seed, s);
	s->has_rings = true;
	s->rx_ring = 64U << test_between(seed, 0, 6);
	s->rx_ring_max = 4096;
	s->has_split = true;
	s->split = (enum data_split)test_between(seed, 0, 2);
	s->split_was_set = s->split == SPLIT_ENABLED && test_between(seed, 0, 1);
	s->has_hds_threshold = test_between(seed, 0, 1);
	s->hds_threshold = s->has_hds_threshold ? test_between(seed, 0, 3) * 100 : 0;
	s->ntuple = test_between(seed, 0, 1) ? FEATURE_ON : FEATURE_OFF;
	s->gro_hw = test_between(seed, 0, 1) ? FEATURE_ON : FEATURE_OFF;
	if (streq(s->driver, "mlx5_core") && s->split == SPLIT_ENABLED)
		s->gro_hw = FEATURE_ON; /* there is no other way to it */
	s->has_rules = true;
	return s;
}

static struct config_interface random_config(uint64_t *seed)
{
	struct config_interface c = {
		.channels_mode = (enum channels_mode)test_between(seed, 0, 2),
		.channels = test_between(seed, 2, 26),
		.zero_copy_queues = test_between(seed, 1, 16),
		.tcp_data_split = true,
		.rx_ring = test_between(seed, 0, 1) ? 64U << test_between(seed, 0, 6) : 0,
	};

	return c;
}

static bool same(const struct nic_state *a, const struct nic_state *b)
{
	return !memcmp(&a->channels, &b->channels, sizeof(a->channels)) &&
	       a->rx_ring == b->rx_ring && a->split == b->split &&
	       a->hds_threshold == b->hds_threshold && a->ntuple == b->ntuple &&
	       a->gro_hw == b->gro_hw && a->n_queues == b->n_queues && a->rss.n == b->rss.n &&
	       a->rss_was_set == b->rss_was_set &&
	       !memcmp(a->rss.entries, b->rss.entries, a->rss.n * sizeof(uint32_t));
}

static unsigned highest(const struct nic_state *s)
{
	unsigned top = 0;

	for (size_t i = 0; i < s->rss.n; i++)
		top = s->rss.entries[i] > top ? s->rss.entries[i] : top;
	return top;
}

static void check_end(const struct config_interface *c, const struct nic_state *s,
		      const struct plan *p)
{
	unsigned counts[32] = {}, least = UINT32_MAX, most = 0;

	assert_int_equal(s->split, SPLIT_ENABLED);
	assert_int_equal(s->hds_threshold, 0);
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

static void check_pair(const struct config_interface *c, const struct nic_state *found,
		       const struct plan *p)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	_cleanup_(plan_freep) struct plan *again = NULL;

	assert_int_equal(nic_state_copy(found, &s), 0);
	for (size_t i = 0; i < p->n_steps; i++) {
		if (i)
			assert_true(p->steps[i].op != p->steps[i - 1].op);
		assert_int_equal(nic_state_apply(s, &p->steps[i]), 0);
		/* No state in between leads to a queue that does not exist. */
		assert_true(highest(s) < s->n_queues);
	}
	check_end(c, s, p);
	assert_int_equal(plan_build(c, s, NULL, &again, NULL), 0);
	assert_int_equal(again->n_steps, 0);
	assert_memory_equal(&again->carve_out, &p->carve_out, sizeof(p->carve_out));
	for (size_t i = p->n_steps; i-- > 0;) {
		struct step inverse = step_inverse(&p->steps[i]);

		assert_int_equal(nic_state_apply(s, &inverse), 0);
		assert_true(highest(s) < s->n_queues);
	}
	assert_true(same(s, found));
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

	(void)state;
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

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		_cleanup_(nic_state_freep) struct nic_state *s = random_nic(&seed);

		for (unsigned k = 0; k < 10; k++) {
			struct config_interface c = random_config(&seed);
			_cleanup_(plan_freep) struct plan *p = NULL;

			if (plan_build(&c, s, NULL, &p, NULL) != 0)
				continue;
			for (size_t n = 0; n < p->n_steps; n++)
				assert_int_equal(nic_state_apply(s, &p->steps[n]), 0);
			check_end(&c, s, p);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_sequences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
