/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of drivers; see driver.h.
 */
#include "driver.h"

/* gro-hw, tcp-data-split, hds-threshold, ntuple-feature, rings, rss, channels. */
static const struct driver {
	const char *name;
	enum effect effects[_STEP_OP_MAX];
	bool splits_by_gro;
	bool manages_queues;
	enum rule_order rule_order;
	size_t rss_entries_least; /* then the power of two from four times the channels up */
} drivers[] = {
#define EFFECTS(gro, rings, ntuple_feature, rss_table, channel_counts)                             \
	.effects = { [STEP_GRO_HW] = gro,                                                          \
		     [STEP_TCP_DATA_SPLIT] = rings,                                                \
		     [STEP_HDS_THRESHOLD] = rings,                                                 \
		     [STEP_NTUPLE] = ntuple_feature,                                               \
		     [STEP_RINGS] = rings,                                                         \
		     [STEP_RSS] = rss_table,                                                       \
		     [STEP_CHANNELS] = channel_counts }
	{ "mlx5_core",
	  EFFECTS(EFFECT_PAUSE, EFFECT_PAUSE, EFFECT_NONE, EFFECT_NONE, EFFECT_PAUSE),
	  .splits_by_gro = true,
	  .manages_queues = true,
	  .rule_order = RULES_BY_FIELDS,
	  .rss_entries_least = 256 },
	{ "bnxt_en",
	  EFFECTS(EFFECT_BOUNCE, EFFECT_BOUNCE, EFFECT_BOUNCE, EFFECT_BOUNCE, EFFECT_BOUNCE),
	  .manages_queues = true,
	  .rule_order = RULES_BY_CHANCE },
	{ "gve",
	  EFFECTS(EFFECT_PAUSE, EFFECT_PAUSE, EFFECT_NONE, EFFECT_NONE, EFFECT_PAUSE),
	  .manages_queues = true },
	{ "fbnic",
	  EFFECTS(EFFECT_PAUSE, EFFECT_PAUSE, EFFECT_NONE, EFFECT_NONE, EFFECT_PAUSE),
	  .manages_queues = true },
	{ "ice", EFFECTS(EFFECT_BOUNCE, EFFECT_BOUNCE, EFFECT_NONE, EFFECT_NONE, EFFECT_BOUNCE) },
	{ "idpf", EFFECTS(EFFECT_BOUNCE, EFFECT_BOUNCE, EFFECT_NONE, EFFECT_NONE, EFFECT_BOUNCE) },
	{ "igb", EFFECTS(EFFECT_BOUNCE, EFFECT_BOUNCE, EFFECT_BOUNCE, EFFECT_NONE, EFFECT_BOUNCE) },
	/* None of these; the last one. */
	{ "", EFFECTS(EFFECT_UNKNOWN, EFFECT_UNKNOWN, EFFECT_NONE, EFFECT_NONE, EFFECT_UNKNOWN) },
#undef EFFECTS
};

static const struct driver *find(const char *name)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(drivers) - 1 && !streq(drivers[i].name, name ?: ""))
		i++;
	return &drivers[i];
}

enum effect driver_effect(const char *driver, enum step_op op)
{
	return find(driver)->effects[op];
}

const char *driver_suggest(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; n > 1 && i < ARRAY_SIZE(drivers) - 1; i++)
		if (strlen(drivers[i].name) > n && strncmp(drivers[i].name, text, n) == 0)
			return drivers[i].name;
	return NULL;
}

bool driver_splits_by_gro(const char *driver)
{
	return find(driver)->splits_by_gro;
}

bool driver_manages_queues(const char *driver)
{
	return find(driver)->manages_queues;
}

enum rule_order driver_rule_order(const char *driver)
{
	return find(driver)->rule_order;
}

size_t driver_rss_entries(const char *driver, unsigned channels)
{
	size_t n = find(driver)->rss_entries_least;

	while (n > 0 && n < 4 * (size_t)channels)
		n *= 2;
	return n;
}
