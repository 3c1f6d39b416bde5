/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Back to what was found, in the order that takes a carve-out down: RSS and channels first, the split
 * last, since what needs it has to be gone by then; but for a ring that is larger than the driver takes while
 * it splits (bnxt). With queues held all of it waits.
 */
#include "driver.h"
#include "plan-builder.h"

static int restore_number(struct builder *b, bool wanted, enum step_op op, unsigned now, unsigned then)
{
	return wanted ? builder_add_number(b, op, now, then) : 0;
}

static int restore_queues(struct builder *b, const struct nic_state *found)
{
	const struct nic_state *s = b->state;
	bool both = s->has_rss && found->has_rss && s->rss.n > 0;
	bool is_default = nic_state_rss_is_default(s);
	struct queues_goal g = { .channels = s->channels, .queues = nic_state_rx_queues(s) };
	_cleanup_free_ uint32_t *table = NULL, *now = NULL;
	bool resize;

	if (s->has_channels && found->has_channels) {
		g.channels.combined = found->channels.combined;
		g.channels.rx = found->channels.rx;
		g.channels.tx = found->channels.tx;
		g.queues = nic_channels_rx(&g.channels);
	}
	if (!both)
		return plan_queues(b, &g);
	resize = g.queues != nic_state_rx_queues(s);
	if (nic_state_rss_is_default(found)) { /* what was never set follows the channels again */
		g.set_rss = !is_default;
		return plan_queues(b, &g);
	}
	g.n_rss = plan_rss_entries(s, g.queues);
	table = calloc(g.n_rss, sizeof(*table));
	now = calloc(g.n_rss, sizeof(*now));
	if (!table || !now)
		return -ENOMEM;
	rss_table_fit(found->rss.entries, found->rss.n, table, g.n_rss);
	rss_table_fit(s->rss.entries, s->rss.n, now, g.n_rss);
	g.rss = table;
	g.set_rss = memcmp(table, now, g.n_rss * sizeof(*table)) != 0 || (resize && is_default);
	return plan_queues(b, &g);
}

/* Switching it off takes all rules with it, also those that somebody else has made since. */
static int restore_ntuple(struct builder *b, const struct nic_state *found)
{
	const struct nic_state *s = b->state;

	if (s->ntuple == FEATURE_OFF && feature_is_on(found->ntuple))
		return builder_add_number(b, STEP_NTUPLE, 0, 1);
	if (s->ntuple == FEATURE_ON && found->ntuple == FEATURE_OFF && s->n_rules == 0)
		return builder_add_number(b, STEP_NTUPLE, 1, 0);
	return 0;
}

/* GRO is only touched for the split: in front of it where the split comes back. */
static int restore_gro_on(struct builder *b, const struct nic_state *found)
{
	bool on = b->state->gro_hw == FEATURE_OFF && feature_is_on(found->gro_hw);

	return on ? builder_add_number(b, STEP_GRO_HW, 0, 1) : 0;
}

static int restore_split(struct builder *b, const struct nic_state *found)
{
	const struct nic_state *s = b->state;
	bool off = s->gro_hw == FEATURE_ON && found->gro_hw == FEATURE_OFF;
	int r;

	/* The kernel leaves "unknown" out; some drivers say "disabled" instead. */
	r = restore_number(b, (s->split == SPLIT_ENABLED) != (found->split == SPLIT_ENABLED),
			   STEP_TCP_DATA_SPLIT, s->split, found->split);
	if (r == 0)
		r = restore_number(b, s->has_hds_threshold && found->has_hds_threshold,
				   STEP_HDS_THRESHOLD, s->hds_threshold, found->hds_threshold);
	return r == 0 && off ? builder_add_number(b, STEP_GRO_HW, 1, 0) : r;
}

static int restore_unseen_rss(struct builder *b, const struct nic_state *found)
{
	const struct nic_state *s = b->state;

	if (!found->has_rss || !s->has_rss || !nic_state_rss_is_default(found) || !nic_state_rss_is_default(s))
		return 0;
	return builder_add(b, &(struct step) { .op = STEP_RSS });
}

static int restore_unseen_split(struct builder *b, const struct nic_state *found)
{
	const struct step step = { .op = STEP_TCP_DATA_SPLIT,
				   .from.number = SPLIT_ENABLED,
				   .to = { .number = SPLIT_ENABLED, .by_driver = true } };

	if (found->split != SPLIT_ENABLED || found->split_was_set || b->state->split != SPLIT_ENABLED)
		return 0;
	return builder_add(b, &step);
}

int plan_restore(const struct nic_state *found, const struct nic_state *state,
		 const struct busy_queues *held, bool unseen, struct plan **ret, struct fault *reterr)
{
	struct builder b = builder_new(state, held, reterr);
	_cleanup_(plan_freep) struct plan *plan = b.plan;
	bool rings = state->has_rings && found->has_rings, late = found->rx_ring > state->rx_ring_max;
	int r;

	if (!plan)
		return -ENOMEM;
	b.all_wait = b.held.n > 0;
	r = unseen ? restore_unseen_rss(&b, found) : 0;
	if (r == 0)
		r = restore_queues(&b, found);
	if (r == 0)
		r = restore_ntuple(&b, found);
	if (r == 0)
		r = restore_gro_on(&b, found);
	if (r == 0)
		r = restore_number(&b, rings && !late, STEP_RINGS, state->rx_ring, found->rx_ring);
	if (r == 0)
		r = restore_split(&b, found);
	if (r == 0)
		r = restore_number(&b, rings && late, STEP_RINGS, state->rx_ring, found->rx_ring);
	if (r == 0 && unseen)
		r = restore_unseen_split(&b, found);
	if (r == 0)
		*ret = TAKE_PTR(plan);
	return r;
}
