/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See settings.h.
 */
#include "settings.h"

void nic_settings_done(struct nic_settings *s)
{
	free(s->rss);
	*s = (struct nic_settings) {};
}

static int copy_table(const uint32_t *table, size_t n, uint32_t **ret)
{
	*ret = table ? calloc(n, sizeof(**ret)) : NULL;
	if (!*ret)
		return table ? -ENOMEM : 0;
	memcpy(*ret, table, n * sizeof(**ret));
	return 0;
}

int nic_settings_copy(const struct nic_settings *s, struct nic_settings *ret)
{
	struct nic_settings copy = *s;
	int r = copy_table(s->rss, s->n_rss, &copy.rss);

	if (r == 0)
		*ret = copy;
	return r;
}

static unsigned queues_of(const struct nic_state *s)
{
	return s->has_channels ? nic_channels_rx(&s->channels) : (unsigned)s->n_queues;
}

/* What the kernel's ethtool_rxfh_indir_default() gives. */
static bool is_default(const struct nic_state *s)
{
	unsigned queues = queues_of(s) ?: 1;

	for (size_t i = 0; i < s->rss.n; i++)
		if (s->rss.entries[i] != i % queues)
			return false;
	return true;
}

static bool can_change(enum feature_state f)
{
	return f == FEATURE_ON || f == FEATURE_OFF;
}

int nic_settings_read(const struct nic_state *state, struct nic_settings *ret)
{
	struct nic_settings s = {
		.has_channels = state->has_channels,
		.channels = state->channels,
		.has_rx_ring = state->has_rings,
		.rx_ring = state->rx_ring,
		.has_split = state->has_split,
		.split = state->split,
		.split_by_driver = state->split == SPLIT_ENABLED && !state->split_was_set,
		.has_hds_threshold = state->has_hds_threshold,
		.hds_threshold = state->hds_threshold,
		.has_ntuple = can_change(state->ntuple),
		.ntuple = state->ntuple == FEATURE_ON,
		.has_gro_hw = can_change(state->gro_hw),
		.gro_hw = state->gro_hw == FEATURE_ON,
		.has_rss = state->has_rss && state->rss.n > 0,
	};
	int r;

	if (s.has_rss && !is_default(state)) {
		r = copy_table(state->rss.entries, state->rss.n, &s.rss);
		if (r < 0)
			return r;
		s.n_rss = state->rss.n;
	}
	*ret = s;
	return 0;
}

static bool same_channels(const struct nic_channels *a, const struct nic_channels *b)
{
	return a->combined == b->combined && a->rx == b->rx && a->tx == b->tx;
}

static bool same_table(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b)
{
	return !a == !b && n_a == n_b && (!a || memcmp(a, b, n_a * sizeof(*a)) == 0);
}

bool nic_settings_equal(const struct nic_settings *a, const struct nic_settings *b)
{
	return a->has_channels == b->has_channels && same_channels(&a->channels, &b->channels) &&
	       a->has_rx_ring == b->has_rx_ring && a->rx_ring == b->rx_ring &&
	       a->has_split == b->has_split && a->split == b->split &&
	       a->has_hds_threshold == b->has_hds_threshold &&
	       a->hds_threshold == b->hds_threshold && a->has_ntuple == b->has_ntuple &&
	       a->ntuple == b->ntuple && a->has_gro_hw == b->has_gro_hw && a->gro_hw == b->gro_hw &&
	       a->has_rss == b->has_rss && same_table(a->rss, a->n_rss, b->rss, b->n_rss);
}

/* ------------------------------------------------------------------------- the way back */

static enum feature_state feature(bool has, bool on)
{
	return !has ? FEATURE_ABSENT : on ? FEATURE_ON : FEATURE_OFF;
}

/* The NIC with these settings, as far as a plan looks at it. */
static int to_state(const struct nic_settings *s, const struct nic_state *now, struct nic_state *ret)
{
	struct nic_state then = {
		.driver = now->driver,
		.has_channels = s->has_channels,
		.channels = s->channels,
		.has_rings = s->has_rx_ring,
		.rx_ring = s->rx_ring,
		.has_split = s->has_split,
		.split = s->split,
		.has_hds_threshold = s->has_hds_threshold,
		.hds_threshold = s->hds_threshold,
		.ntuple = feature(s->has_ntuple, s->ntuple),
		.gro_hw = feature(s->has_gro_hw, s->gro_hw),
		.has_rss = s->has_rss,
		.n_queues = now->n_queues,
	};
	unsigned queues = queues_of(&then) ?: 1;

	then.rss.n = s->rss ? s->n_rss : now->rss.n;
	then.rss.entries = calloc(then.rss.n + 1, sizeof(*then.rss.entries));
	if (!then.rss.entries)
		return -ENOMEM;
	for (size_t i = 0; i < then.rss.n; i++)
		then.rss.entries[i] = s->rss ? s->rss[i] : (uint32_t)(i % queues);
	*ret = then;
	return 0;
}

static int add_step(struct plan *plan, const struct step *step)
{
	struct step *steps = reallocarray(plan->steps, plan->n_steps + 1, sizeof(*steps));

	if (!steps)
		return -ENOMEM;
	plan->steps = steps;
	steps[plan->n_steps++] = *step;
	return 0;
}

/* Whether a table that looks like the default was set cannot be seen; then this takes nothing away. */
static int add_reset(struct plan *plan)
{
	return add_step(plan, &(struct step) { .op = STEP_RSS });
}

/* Nor can it whether a split is the driver's choice or somebody's. */
static int add_split_by_driver(struct plan *plan)
{
	return add_step(plan, &(struct step) {
				      .op = STEP_TCP_DATA_SPLIT,
				      .from.number = SPLIT_ENABLED,
				      .to = { .number = SPLIT_ENABLED, .by_driver = true },
			      });
}

int plan_build_back(const struct nic_settings *back, const struct nic_state *state, bool again,
		    struct plan **ret, struct fault *reterr)
{
	_cleanup_(plan_freep) struct plan *plan = calloc(1, sizeof(*plan)), *rest = NULL;
	struct nic_state then;
	int r;

	if (!plan)
		return -ENOMEM;
	if (!again && back->has_rss && !back->rss && state->has_rss && is_default(state)) {
		r = add_reset(plan);
		if (r < 0)
			return r;
	}
	r = to_state(back, state, &then);
	if (r < 0)
		return r;
	r = plan_restore(&then, state, NULL, &rest, reterr);
	free(then.rss.entries);
	if (r == 0)
		r = plan_append(plan, rest);
	if (r == 0 && !again && back->split_by_driver && state->split == SPLIT_ENABLED)
		r = add_split_by_driver(plan);
	if (r == 0)
		*ret = TAKE_PTR(plan);
	return r;
}
