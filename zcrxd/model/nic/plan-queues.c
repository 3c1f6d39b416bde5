/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which queues RSS leads to, how many there are, and in which order both change:
 *
 *   RSS first, if it can be: a table that was set stays when channels are added, so the new queues
 *   never see ordinary traffic, and channels can only be taken away once no table leads to them.
 *   Channels first only if the table needs queues that do not exist yet; the queues that it will not
 *   lead to are not leased before the plan is done.
 *   Where the size of the table depends on the channels, a table that was set keeps the driver from
 *   changing them (mlx5 before Linux 7.1): then it is the default one while they change.
 *
 * Held queues keep their place: while there are some, channels stay, because every driver makes its
 * queues anew for them, and RSS grows no further than to the lowest of them.
 */
#include "driver.h"
#include "plan-builder.h"

static uint32_t *copy_table(const uint32_t *table, size_t n)
{
	uint32_t *copy = calloc(n ?: 1, sizeof(*copy));

	return copy ? memcpy(copy, table, n * sizeof(*copy)) : NULL;
}

size_t plan_rss_entries(const struct nic_state *s, unsigned queues)
{
	size_t now = driver_rss_entries(s->driver, nic_state_rx_queues(s));
	size_t then = driver_rss_entries(s->driver, queues);

	return now == s->rss.n ? then : s->rss.n;
}

/* ------------------------------------------------------------------------------- steps */

/* `table` NULL: the default one; `queues`: of how many. */
static int table_value(const uint32_t *table, size_t n, unsigned queues, struct step_value *ret)
{
	*ret = (struct step_value) { .number = queues };
	if (!table)
		return 0;
	ret->rss = copy_table(table, n);
	ret->n_rss = n;
	return ret->rss ? 0 : -ENOMEM;
}

static int found_table(const struct nic_state *s, struct step_value *ret)
{
	return table_value(nic_state_rss_is_default(s) ? NULL : s->rss.entries, s->rss.n,
			   nic_state_rx_queues(s), ret);
}

static int add_rss(struct builder *b, const struct queues_goal *g)
{
	struct step step = { .op = STEP_RSS, .follows_leases = g->follows_leases };
	int r;

	if (!g->set_rss)
		return 0;
	r = found_table(b->state, &step.from);
	if (r == 0)
		r = table_value(g->rss, g->n_rss, g->queues, &step.to);
	if (r < 0) {
		free(step.from.rss);
		return r;
	}
	return builder_add(b, &step);
}

static int add_channels(struct builder *b, const struct queues_goal *g)
{
	if (!b->state->has_channels || nic_channels_same(&b->state->channels, &g->channels))
		return 0;
	return builder_add(b, &(struct step) { .op = STEP_CHANNELS,
					       .from.channels = b->state->channels,
					       .to.channels = g->channels });
}

/* There are no held queues: every step is done now. */
static int plan_resized_table(struct builder *b, const struct queues_goal *g)
{
	struct queues_goal reset = { .queues = nic_state_rx_queues(b->state), .set_rss = true };
	struct step step = { .op = STEP_RSS, .from.number = g->queues };
	int r = 0;

	if (!nic_state_rss_is_default(b->state))
		r = add_rss(b, &reset);
	if (r == 0)
		r = add_channels(b, g);
	if (r < 0 || !g->rss)
		return r;
	r = table_value(g->rss, g->n_rss, g->queues, &step.to);
	return r < 0 ? r : builder_add(b, &step);
}

int plan_queues(struct builder *b, const struct queues_goal *g)
{
	const struct rss_table goal = { .entries = (uint32_t *)g->rss, .n = g->n_rss };
	unsigned found = nic_state_rx_queues(b->state);
	int r;

	if (plan_rss_entries(b->state, g->queues) != b->state->rss.n)
		return plan_resized_table(b, g);
	if (rss_table_span(&goal) <= found) {
		r = add_rss(b, g);
		return r < 0 ? r : add_channels(b, g);
	}
	r = add_channels(b, g);
	return r < 0 ? r : add_rss(b, g);
}

/* --------------------------------------------------------------------------- carve-out */

/* What the kernel would refuse in the end; to be told before anything is changed. */
static int check_taken_away(const struct builder *b, unsigned queues)
{
	const struct nic_state *s = b->state;

	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rules[i].action == RULE_TO_QUEUE && s->rules[i].target >= queues)
			return fault_set(b->reterr, ZCRX_FLOW_CONFLICT, "channels",
					 "Rule %u of %s leads to queue %u, which would be gone with "
					 "%u channels; remove it with: ethtool -N %s delete %u",
					 s->rules[i].location, s->name, s->rules[i].target, queues,
					 s->name, s->rules[i].location);
	for (size_t i = 0; i < s->n_contexts; i++)
		if (rss_table_span(&s->contexts[i]) > queues)
			return fault_set(b->reterr, ZCRX_FLOW_CONFLICT, "channels",
					 "RSS context %u of %s leads to queue %u, which would be "
					 "gone with %u channels; narrow it, or remove it with: "
					 "ethtool -X %s context %u delete",
					 s->contexts[i].context, s->name,
					 rss_table_span(&s->contexts[i]) - 1, queues, s->name,
					 s->contexts[i].context);
	return 0;
}

/* gve has no combined channels, and idpf refuses to mix the two kinds: a device that has only
 * receive channels now gets more of those. */
static bool counts_combined(const struct nic_channels *c)
{
	return c->combined_max > 0 && (c->combined > 0 || c->rx == 0);
}

static struct nic_channels channels_for(const struct nic_state *s, unsigned queues)
{
	struct nic_channels c = s->channels;

	if (counts_combined(&c) && queues > c.rx)
		c.combined = queues - c.rx;
	else if (counts_combined(&c)) {
		c.combined = 1;
		c.rx = queues - 1;
	} else
		c.rx = queues - c.combined;
	return c;
}

static struct carve_out carve_out_of(const struct builder *b, unsigned ordinary, unsigned queues)
{
	return (struct carve_out){ .ordinary = ordinary, .zero_copy_first = ordinary,
				   .zero_copy_count = queues - ordinary, .idle_queues = b->idle_queues,
				   .keep_free = b->keep_free };
}

static int plan_wanted(struct builder *b, unsigned ordinary, unsigned queues)
{
	const struct nic_state *s = b->state;
	const struct carve_out c = carve_out_of(b, ordinary, queues);
	unsigned found = nic_state_rx_queues(s);
	struct queues_goal g = {
		.channels = queues == found ? s->channels : channels_for(s, queues),
		.queues = queues,
		.n_rss = plan_rss_entries(s, queues),
	};
	_cleanup_free_ uint32_t *table = NULL;
	bool is;
	int r = rss_wanted(&c, &b->held, &s->rss, g.n_rss, &table, &is);

	if (r < 0)
		return r;
	/* A table that was never set looks right while there are exactly `ordinary` queues, but
	 * would follow the channels: then it has to be set to what it is. */
	g.set_rss = !is || (nic_state_rss_is_default(s) && queues != found);
	g.follows_leases = queues == found && rss_is_serving(&c, &s->rss);
	g.rss = table;
	return plan_queues(b, &g);
}

/* The rest of the way: what is not done now. */
static int wait_for_rest(struct builder *b, unsigned now, unsigned ordinary, unsigned queues)
{
	const struct nic_state *s = b->state;
	unsigned found = nic_state_rx_queues(s);
	struct step rss = { .op = STEP_RSS, .from.number = found, .to.number = queues };
	const struct step channels = { .op = STEP_CHANNELS,
				       .from.channels = s->channels,
				       .to.channels = channels_for(s, queues) };
	const struct carve_out from = carve_out_of(b, now, found), to = carve_out_of(b, ordinary, queues);
	bool is;
	int r = 0;

	if (queues != found)
		r = builder_wait(b, &channels, 0, UINT32_MAX);
	if (r < 0 || now == ordinary)
		return r;
	rss.from.n_rss = s->rss.n;
	rss.to.n_rss = plan_rss_entries(s, queues);
	r = rss_wanted(&from, &b->held, &s->rss, rss.from.n_rss, &rss.from.rss, &is);
	if (r == 0)
		r = rss_wanted(&to, NULL, &s->rss, rss.to.n_rss, &rss.to.rss, &is);
	if (r < 0) {
		free(rss.from.rss);
		return r;
	}
	return builder_wait(b, &rss, 0, queues != found ? UINT32_MAX : ordinary);
}

static uint32_t lowest_held(const struct builder *b)
{
	uint32_t lowest = UINT32_MAX;

	for (size_t i = 0; i < b->held.n; i++)
		if (b->held.queues[i] < lowest)
			lowest = b->held.queues[i];
	return lowest;
}

static unsigned min_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Of the ordinary queues that there shall be, as many as can be now; *ret is where they end. */
static int plan_around_held(struct builder *b, unsigned ordinary, unsigned queues, unsigned *ret)
{
	unsigned found = nic_state_rx_queues(b->state);
	unsigned now = min_of(min_of(ordinary, found), lowest_held(b));
	int r;

	if (now == 0)
		return fault_set(b->reterr, ZCRX_WRONG_STATE, "leased",
				 "Queue 0 of %s is leased, which leaves none for ordinary traffic; "
				 "see zcrxctl leases.",
				 b->state->name);
	if (builder_rss_waits(b)) {
		*ret = rss_table_span(&b->state->rss);
		return plan_wanted(b, ordinary, queues);
	}
	*ret = now;
	r = plan_wanted(b, now, found);
	return r < 0 ? r : wait_for_rest(b, now, ordinary, queues);
}

/* A lease in the meantime must be of use, and must not keep the rest from being done. A ring size
 * is not worth turning clients away. */
static bool may_lease_meanwhile(const struct plan *p)
{
	for (size_t i = 0; i < p->n_waiting; i++)
		if (p->waiting[i].step.op != STEP_RSS && p->waiting[i].step.op != STEP_RINGS)
			return false;
	return true;
}

int plan_carve_out(struct builder *b, const struct config_interface *config, unsigned queues)
{
	unsigned found = nic_state_rx_queues(b->state), now = queues - config->zero_copy_queues;
	unsigned ordinary = now, left;
	int r = 0;

	if (b->held.n > 0) {
		r = plan_around_held(b, ordinary, queues, &now);
	} else {
		if (queues < found)
			r = check_taken_away(b, queues);
		if (r == 0)
			r = plan_wanted(b, ordinary, queues);
	}
	if (r != 0)
		return r;
	left = b->held.n > 0 ? found : queues;
	b->plan->carve_out = carve_out_of(b, now, left);
	b->plan->carve_out.lease_first = may_lease_meanwhile(b->plan) ? (now > ordinary ? now : ordinary) : left;
	return 0;
}
