/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a step does to an observed NIC: the kernel's rules for it (net/ethtool/channels.c, rings.c,
 * common.c of Linux 7.2) as far as a plan meets them. For the simulated backend and the tests.
 */
#include "driver.h"
#include "plan.h"

/* Is one of the queues from `first` up in use by a table that stays, a rule or an owner? */
static bool needs_from(const struct nic_state *s, unsigned first)
{
	if (s->has_rss && s->rss_was_set && rss_table_span(&s->rss) > first)
		return true;
	for (size_t i = 0; i < s->n_contexts; i++)
		if (rss_table_span(&s->contexts[i]) > first)
			return true;
	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rules[i].action == RULE_TO_QUEUE && s->rules[i].target >= first)
			return true;
	for (unsigned q = 0; q < s->n_queues; q++) {
		/* The kernel wants one queue more to stay than is bound. */
		bool provider = s->queues[q].io_uring || s->queues[q].dmabuf;

		if (provider && q + 1 >= first)
			return true;
		if (q >= first && !nic_state_queue_clean(s, q))
			return true;
	}
	return false;
}

static bool has_provider(const struct nic_state *s)
{
	for (size_t q = 0; q < s->n_queues; q++)
		if (s->queues[q].io_uring || s->queues[q].dmabuf)
			return true;
	return false;
}

static void spread(struct nic_state *s, unsigned queues)
{
	for (size_t i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = (uint32_t)(i % queues);
}

/* mlx5's table grows with its channels, unless somebody set it (before Linux 7.1, which repeats it). */
static int resize_rss(struct nic_state *s, unsigned before, unsigned after)
{
	size_t then = driver_rss_entries(s->driver, after);
	uint32_t *entries;

	if (s->rss.n != driver_rss_entries(s->driver, before) || then == s->rss.n)
		return 0;
	if (s->rss_was_set)
		return -EINVAL;
	entries = reallocarray(s->rss.entries, then, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	s->rss.entries = entries;
	s->rss.n = then;
	return 0;
}

static int set_channels(struct nic_state *s, const struct nic_channels *to)
{
	unsigned before = nic_channels_rx(&s->channels), after = nic_channels_rx(to);
	struct nic_queue *queues;
	int r;

	if (!s->has_channels || after == 0 || to->combined > s->channels.combined_max ||
	    to->rx > s->channels.rx_max || to->tx > s->channels.tx_max ||
	    to->other != s->channels.other)
		return -EINVAL;
	if (after < before && needs_from(s, after))
		return -EINVAL;
	r = resize_rss(s, before, after);
	if (r < 0)
		return r;
	if (s->n_queues) {
		queues = reallocarray(s->queues, after, sizeof(*queues));
		if (!queues)
			return -ENOMEM;
		for (size_t q = s->n_queues; q < after; q++)
			queues[q] = (struct nic_queue) {};
		s->queues = queues;
		s->n_queues = after;
	}
	s->channels.combined = to->combined;
	s->channels.rx = to->rx;
	s->channels.tx = to->tx;
	if (!s->rss_was_set)
		spread(s, after);
	return 0;
}

static int set_rss(struct nic_state *s, const struct step_value *to)
{
	unsigned queues = nic_state_rx_queues(s);

	if (!s->has_rss || queues == 0)
		return -EINVAL;
	if (!to->rss) {
		spread(s, queues);
		s->rss_was_set = false;
		return 0;
	}
	if (to->n_rss != s->rss.n)
		return -EINVAL;
	for (size_t i = 0; i < to->n_rss; i++)
		if (to->rss[i] >= queues)
			return -EINVAL;
	memcpy(s->rss.entries, to->rss, to->n_rss * sizeof(*to->rss));
	s->rss_was_set = true;
	return 0;
}

static int set_feature(enum feature_state *f, unsigned to)
{
	enum feature_state wanted = to ? FEATURE_ON : FEATURE_OFF;

	if (*f == (to ? FEATURE_FIXED_ON : FEATURE_FIXED_OFF))
		return 0;
	if (!feature_can_change(*f))
		return -EINVAL;
	*f = wanted;
	return 0;
}

/* mlx5 splits with the hardware's GRO: not without it. */
static bool splits_by_gro(const struct nic_state *s)
{
	return driver_splits_by_gro(s->driver) || s->split_needs_gro_hw;
}

static int set_split(struct nic_state *s, unsigned to, bool by_driver)
{
	if (by_driver) { /* was so before anybody set it, and is so after */
		if (s->split != to || has_provider(s))
			return -EINVAL;
		s->split_was_set = false;
		return 0;
	}
	if (!s->has_split || to >= _SPLIT_MAX || (to != SPLIT_ENABLED && has_provider(s)))
		return -EINVAL;
	if (to == SPLIT_ENABLED && splits_by_gro(s) && !feature_is_on(s->gro_hw))
		return -EINVAL;
	s->split = (enum data_split)to;
	s->split_was_set = to != SPLIT_UNKNOWN;
	return 0;
}

int nic_state_apply(struct nic_state *state, const struct step *step)
{
	const struct step_value *to = &step->to;

	switch (step->op) {
	case STEP_GRO_HW:
		if (!to->number && splits_by_gro(state) && state->split == SPLIT_ENABLED)
			return -EINVAL;
		return set_feature(&state->gro_hw, to->number);
	case STEP_NTUPLE:
		return set_feature(&state->ntuple, to->number);
	case STEP_TCP_DATA_SPLIT:
		return set_split(state, to->number, to->by_driver);
	case STEP_HDS_THRESHOLD:
		if (!state->has_hds_threshold || (to->number != 0 && has_provider(state)))
			return -EINVAL;
		state->hds_threshold = to->number;
		return 0;
	case STEP_RINGS:
		if (!state->has_rings || to->number == 0 || to->number > state->rx_ring_max)
			return -EINVAL;
		state->rx_ring = to->number;
		return 0;
	case STEP_RSS:
		return set_rss(state, to);
	case STEP_CHANNELS:
		return set_channels(state, &to->channels);
	case _STEP_OP_MAX:
		break;
	}
	return -EINVAL;
}
