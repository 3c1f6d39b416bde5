/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random NICs and configurations for the properties of plans, the same on every run. */
#pragma once

#include "driver.h"
#include "plan.h"
#include "testlib.h"

static const char *const random_drivers[] = { "test", "mlx5_core", "gve", "bnxt_en" };

static inline void random_channels(uint64_t *seed, struct nic_state *s)
{
	/* So many that mlx5's table has to grow with them. */
	unsigned most = streq(s->driver, "mlx5_core") ? 160 : 24;
	unsigned max = test_between(seed, 1, most), now = test_between(seed, 1, max);

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
static inline void random_rss(uint64_t *seed, struct nic_state *s)
{
	static const size_t sizes[] = { 32, 64, 128, 129 };
	unsigned queues = (unsigned)s->n_queues, over = test_between(seed, 1, queues);
	unsigned kind = test_between(seed, 0, 2);

	s->has_rss = true;
	s->rss.n = driver_rss_entries(s->driver, queues) ?: sizes[test_between(seed, 0, 3)];
	s->rss.entries = calloc(s->rss.n, sizeof(uint32_t));
	for (size_t i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = kind == 0	? i % queues
				    : kind == 1 ? i % over
						: test_between(seed, 0, queues - 1);
	s->rss_was_set = !rss_table_is_default(&s->rss, queues);
}

static inline struct nic_state *random_nic(uint64_t *seed)
{
	struct nic_state *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->ifindex = 3;
	s->up = true;
	s->numa_node = -1;
	strcpy(s->name, "eth0");
	s->driver = strdup(random_drivers[test_between(seed, 0, ARRAY_SIZE(random_drivers) - 1)]);
	random_channels(seed, s);
	random_rss(seed, s);
	s->has_rings = true;
	s->rx_ring = 64U << test_between(seed, 0, 6);
	s->rx_ring_max = 4096;
	s->has_split = true;
	s->split = (enum data_split)test_between(seed, 0, 2);
	s->split_was_set = s->split == SPLIT_DISABLED ||
			   (s->split == SPLIT_ENABLED && test_between(seed, 0, 1));
	s->has_hds_threshold = test_between(seed, 0, 1);
	s->hds_threshold = s->has_hds_threshold ? test_between(seed, 0, 3) * 100 : 0;
	s->ntuple = test_between(seed, 0, 1) ? FEATURE_ON : FEATURE_OFF;
	s->gro_hw = test_between(seed, 0, 1) ? FEATURE_ON : FEATURE_OFF;
	if (streq(s->driver, "mlx5_core") && s->split == SPLIT_ENABLED)
		s->gro_hw = FEATURE_ON; /* there is no other way to it */
	s->has_rules = true;
	return s;
}

static inline struct config_interface random_config(uint64_t *seed)
{
	unsigned most = test_between(seed, 0, 2) ? 26 : 170;
	struct config_interface c = {
		.channels_mode = (enum channels_mode)test_between(seed, 0, 2),
		.channels = test_between(seed, 2, most),
		.zero_copy_queues = test_between(seed, 1, 16),
		.tcp_data_split = true,
		.rx_ring = test_between(seed, 0, 1) ? 64U << test_between(seed, 0, 6) : 0,
	};

	return c;
}

/* What the kernel shows of both is the same. */
static inline bool nics_look_same(const struct nic_state *a, const struct nic_state *b)
{
	return !memcmp(&a->channels, &b->channels, sizeof(a->channels)) &&
	       a->rx_ring == b->rx_ring && a->split == b->split &&
	       a->hds_threshold == b->hds_threshold && a->ntuple == b->ntuple &&
	       a->gro_hw == b->gro_hw && a->n_queues == b->n_queues && a->rss.n == b->rss.n &&
	       !memcmp(a->rss.entries, b->rss.entries, a->rss.n * sizeof(uint32_t));
}
