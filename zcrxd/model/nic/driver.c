/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of drivers; see driver.h.
 */
#include "driver.h"

static const struct driver {
	const char *name;
	enum effect effects[_STEP_OP_MAX];
	bool splits_by_gro;
	bool manages_queues;
	bool rules_by_themselves; /* whatever ntuple-filters says */
	bool never_rfs;		  /* no ndo_rx_flow_steer */
	bool splits_if_known;
	enum rule_order rule_order;
	const char *bind_effect;
	size_t rss_entries_least; /* then the power of two from four times the channels up */
	size_t rss_entries_each;  /* as many as it takes of so many, an entry for each channel at least */
} drivers[] = {
#define EFFECTS(gro, split, ntuple_feature, ring_size, rss_table, channel_counts)                  \
	.effects = { [STEP_GRO_HW] = gro,                                                          \
		     [STEP_TCP_DATA_SPLIT] = split,                                                \
		     [STEP_HDS_THRESHOLD] = split,                                                 \
		     [STEP_NTUPLE] = ntuple_feature,                                               \
		     [STEP_RINGS] = ring_size,                                                     \
		     [STEP_RSS] = rss_table,                                                       \
		     [STEP_CHANNELS] = channel_counts }
#define NONE	EFFECT_NONE
#define PAUSE	EFFECT_PAUSE
#define BOUNCE	EFFECT_BOUNCE
#define UNKNOWN EFFECT_UNKNOWN
	/* mlx5e_safe_switch_params() makes all channels anew, with the carrier off. The split is only noted:
	 * it comes with the hardware's GRO. */
	{ "mlx5_core",
	  EFFECTS(BOUNCE, NONE, NONE, BOUNCE, NONE, BOUNCE),
	  .splits_by_gro = true,
	  .manages_queues = true,
	  .rules_by_themselves = true,
	  .rule_order = RULES_BY_FIELDS,
	  .bind_effect = "whenever a queue is bound or released, all queues stop receiving and sending, the longer the "
			 "more channels there are; what arrives meanwhile is dropped",
	  .rss_entries_least = 256 },
	{ "bnxt_en",
	  EFFECTS(BOUNCE, BOUNCE, BOUNCE, BOUNCE, BOUNCE, BOUNCE),
	  .manages_queues = true,
	  .bind_effect = "whenever a queue is bound or released, what ntuple rules steer, to all leases, is dropped for a "
			 "moment; other traffic goes on",
	  .rule_order = RULES_BY_CHANCE,
	  .rss_entries_each = 64 }, /* old firmware; else the size stays */
	/* gve_adjust_config() closes and opens. */
	{ "gve",
	  EFFECTS(BOUNCE, BOUNCE, NONE, BOUNCE, NONE, BOUNCE),
	  .manages_queues = true,
	  .bind_effect = "whenever a queue is bound or released, all queues stop for a moment in which packets wait, the "
			 "carrier goes off and on, and each queue gets another NAPI id",
	  .never_rfs = true,
	  .splits_if_known = true },
	{ "fbnic",
	  EFFECTS(PAUSE, PAUSE, NONE, PAUSE, NONE, PAUSE),
	  .manages_queues = true,
	  .never_rfs = true },
	{ "ice", EFFECTS(BOUNCE, BOUNCE, NONE, BOUNCE, NONE, BOUNCE) },
	{ "idpf", EFFECTS(BOUNCE, BOUNCE, NONE, BOUNCE, NONE, BOUNCE), .never_rfs = true },
	{ "igb", EFFECTS(BOUNCE, BOUNCE, BOUNCE, BOUNCE, NONE, BOUNCE) },
	/* None of these; the last one. */
	{ "", EFFECTS(UNKNOWN, UNKNOWN, NONE, UNKNOWN, NONE, UNKNOWN) },
#undef EFFECTS
#undef NONE
#undef PAUSE
#undef BOUNCE
#undef UNKNOWN
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

const char *driver_bind_effect(const char *driver)
{
	return find(driver)->bind_effect;
}

bool driver_splits_by_gro(const char *driver)
{
	return find(driver)->splits_by_gro;
}

bool driver_manages_queues(const char *driver)
{
	return find(driver)->manages_queues;
}

bool driver_needs_ntuple(const char *driver)
{
	return !find(driver)->rules_by_themselves;
}

bool driver_splits_if_known(const char *driver)
{
	return find(driver)->splits_if_known;
}

const char *driver_flags_for_gro(const struct nic_state *s)
{
	if (s->cqe_compression && s->legacy_rq)
		return "rx_cqe_compress off rx_striding_rq on";
	return s->cqe_compression ? "rx_cqe_compress off" : s->legacy_rq ? "rx_striding_rq on" : NULL;
}

bool driver_accelerates_rfs(const char *driver)
{
	return !find(driver)->never_rfs;
}

enum rule_order driver_rule_order(const char *driver)
{
	return find(driver)->rule_order;
}

size_t driver_rss_entries(const char *driver, unsigned channels)
{
	size_t n = find(driver)->rss_entries_least, each = find(driver)->rss_entries_each;

	if (each > 0)
		return (channels + each - 1) / each * each;
	while (n > 0 && n < 4 * (size_t)channels)
		n *= 2;
	return n;
}
