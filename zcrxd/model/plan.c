/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has to change on a NIC, and in which order. The order, and why:
 *
 *   gro-hw          only mlx5, which refuses tcp-data-split while it is off
 *   tcp-data-split  first of all: a NIC without it cannot do zcrx, and says so before anything else
 *                   was changed
 *   hds-threshold   the kernel refuses zcrx while it is not 0
 *   ntuple, rx-ring cheap to undo, and before the queues they concern are made
 *   rss, channels   RSS first, if it can be: a table that was set stays when channels are added, so
 *                   the new queues never see ordinary traffic, and channels can only be taken away
 *                   once no table leads to them. Channels first only if the table needs queues that
 *                   do not exist yet; the queues that it will not lead to are not leased before the
 *                   plan is done.
 *
 * The same order shrinks a carve-out. Undo runs it backwards.
 */
#include <assert.h>

#include "plan.h"

struct builder {
	const struct config_interface *config;
	const struct nic_state *state;
	struct plan *plan;
	unsigned queues; /* receive queues in the end */
	struct fault *reterr;
};

struct plan *plan_free(struct plan *p)
{
	if (!p)
		return NULL;
	for (size_t i = 0; i < p->n_steps; i++) {
		free(p->steps[i].from.rss);
		free(p->steps[i].to.rss);
	}
	free(p->steps);
	free(p);
	return NULL;
}

struct step step_inverse(const struct step *step)
{
	return (struct step) { .op = step->op, .from = step->to, .to = step->from };
}

/* There is room: a plan has at most one step of each kind. Takes the tables of `step`. */
static void add(struct builder *b, const struct step *step)
{
	assert(b->plan->n_steps < _STEP_OP_MAX);
	b->plan->steps[b->plan->n_steps++] = *step;
}

static void add_number(struct builder *b, enum step_op op, unsigned from, unsigned to)
{
	if (from != to)
		add(b, &(struct step) { .op = op, .from.number = from, .to.number = to });
}

static bool is_on(enum feature_state f)
{
	return f == FEATURE_ON || f == FEATURE_FIXED_ON;
}

static unsigned found_queues(const struct nic_state *s)
{
	return s->has_channels ? nic_channels_rx(&s->channels) : (unsigned)s->n_queues;
}

/* gve has no combined channels, and idpf refuses to mix the two kinds: a device that has only
 * receive channels now gets more of those. */
static bool counts_combined(const struct nic_channels *c)
{
	return c->combined_max > 0 && (c->combined > 0 || c->rx == 0);
}

static unsigned most_queues(const struct nic_state *s)
{
	const struct nic_channels *c = &s->channels;

	if (!s->has_channels)
		return found_queues(s);
	return counts_combined(c) ? c->combined_max + c->rx : c->rx_max + c->combined;
}

static int too_many(const struct builder *b, unsigned wanted)
{
	return fault_set(
		b->reterr, ZCRX_NOT_SUPPORTED, "channels",
		"The configuration asks for %u channels on %s, but %s; set channels to max "
		"or to a smaller number.",
		wanted, b->state->name,
		b->state->has_channels ? "the device has fewer"
				       : "its driver cannot change their number");
}

static int count_queues(struct builder *b)
{
	const struct config_interface *c = b->config;
	const struct nic_state *s = b->state;

	switch (c->channels_mode) {
	case CHANNELS_KEEP:
		b->queues = found_queues(s);
		break;
	case CHANNELS_MAX:
		b->queues = most_queues(s);
		break;
	case CHANNELS_COUNT:
		b->queues = c->channels;
		if (b->queues != found_queues(s) &&
		    (!s->has_channels || b->queues > most_queues(s)))
			return too_many(b, c->channels);
		break;
	}
	if (b->queues <= c->zero_copy_queues)
		return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "channels",
				 "%s has %u receive queue%s, which is too few to carve out %u: at "
				 "least one must stay ordinary; raise channels or lower "
				 "zero-copy-queues.",
				 s->name, b->queues, b->queues == 1 ? "" : "s",
				 c->zero_copy_queues);
	b->plan->carve_out = (struct carve_out) {
		.ordinary = b->queues - c->zero_copy_queues,
		.zero_copy_first = b->queues - c->zero_copy_queues,
		.zero_copy_count = c->zero_copy_queues,
	};
	return 0;
}

/* Before anything that could be had by other settings: this NIC will never do. */
static int check_split(struct builder *b)
{
	const struct nic_state *s = b->state;

	if (!b->config->tcp_data_split || s->split == SPLIT_ENABLED || !s->split_refusal)
		return 0;
	return fault_set(
		b->reterr, ZCRX_NOT_SUPPORTED, "tcp-data-split",
		"%s cannot split headers from data (tcp-data-split), which zero-copy receive "
		"needs. The kernel says: %s. This needs another NIC or driver.",
		s->name, s->split_refusal);
}

static void plan_split(struct builder *b)
{
	const struct nic_state *s = b->state;

	if (b->config->tcp_data_split && s->split != SPLIT_ENABLED) {
		if (s->driver && streq(s->driver, "mlx5_core") && !is_on(s->gro_hw))
			add_number(b, STEP_GRO_HW, 0, 1);
		add_number(b, STEP_TCP_DATA_SPLIT, s->split, SPLIT_ENABLED);
	}
	if (s->has_hds_threshold)
		add_number(b, STEP_HDS_THRESHOLD, s->hds_threshold, b->config->hds_threshold);
}

/* mlx5 has rules whatever the feature says (there it is aRFS alone), and may not let it change. */
static int plan_ntuple(struct builder *b)
{
	const struct nic_state *s = b->state;

	if (s->ntuple == FEATURE_OFF)
		add_number(b, STEP_NTUPLE, 0, 1);
	else if (!is_on(s->ntuple) && !s->has_rules)
		return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "ntuple-filters",
				 "%s has no ntuple filters, so flows cannot be steered to a queue; "
				 "this needs another NIC or driver.",
				 s->name);
	return 0;
}

static int plan_rings(struct builder *b)
{
	const struct nic_state *s = b->state;
	unsigned wanted = b->config->rx_ring;

	if (wanted == 0)
		return 0;
	if (!s->has_rings)
		return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "rx-ring",
				 "The driver of %s has no ring sizes; leave rx-ring out.", s->name);
	if (wanted > s->rx_ring_max)
		return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "rx-ring",
				 "The configuration asks for receive rings of %u on %s, but the "
				 "device takes at most %u; lower rx-ring.",
				 wanted, s->name, s->rx_ring_max);
	add_number(b, STEP_RX_RING, s->rx_ring, wanted);
	return 0;
}

static void plan_channels(struct builder *b)
{
	const struct nic_state *s = b->state;
	struct step step = { .op = STEP_CHANNELS };
	unsigned found = found_queues(s);

	if (b->queues == found)
		return;
	step.from.channels = s->channels;
	step.to.channels = s->channels;
	if (counts_combined(&s->channels))
		step.to.channels.combined = b->queues - s->channels.rx;
	else
		step.to.channels.rx = b->queues - s->channels.combined;
	add(b, &step);
}

/* What the kernel's ethtool_rxfh_indir_default() gives. */
static bool is_default_spread(const struct rss_table *t, unsigned queues)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->entries[i] != i % queues)
			return false;
	return true;
}

/* Leads to queues 0 .. n-1, to each as often as to any other, in whatever order. */
static int is_equal_over(const struct rss_table *t, unsigned n, bool *ret)
{
	_cleanup_free_ size_t *counts = calloc(n, sizeof(*counts));

	if (!counts)
		return -ENOMEM;
	*ret = false;
	for (size_t i = 0; i < t->n; i++) {
		if (t->entries[i] >= n)
			return 0;
		counts[t->entries[i]]++;
	}
	for (unsigned q = 0; q < n; q++)
		if (counts[q] != t->n / n && counts[q] != (t->n + n - 1) / n)
			return 0;
	*ret = true;
	return 0;
}

static int plan_rss(struct builder *b)
{
	const struct rss_table *found = &b->state->rss;
	_cleanup_free_ uint32_t *from = NULL, *to = NULL;
	unsigned ordinary = b->plan->carve_out.ordinary, queues = found_queues(b->state);
	bool is_default = is_default_spread(found, queues ?: 1), equal;
	int r;

	r = is_equal_over(found, ordinary, &equal);
	if (r < 0)
		return r;
	/* A table that was never set looks right while there are exactly `ordinary` queues, but
	 * would follow the channels: then it has to be set to what it is. */
	if (equal && !(is_default && queues != b->queues))
		return 0;
	to = calloc(found->n, sizeof(*to));
	from = is_default ? NULL : calloc(found->n, sizeof(*from));
	if (!to || (!is_default && !from))
		return -ENOMEM;
	for (size_t i = 0; i < found->n; i++)
		to[i] = (uint32_t)(i % ordinary);
	if (from)
		memcpy(from, found->entries, found->n * sizeof(*from));
	add(b, &(struct step) {
		       .op = STEP_RSS,
		       .from = { .rss = TAKE_PTR(from),
				 .n_rss = is_default ? 0 : found->n,
				 .number = queues },
		       .to = { .rss = TAKE_PTR(to), .n_rss = found->n, .number = b->queues },
	       });
	return 0;
}

static int plan_rss_and_channels(struct builder *b)
{
	int r;

	if (!b->state->has_rss || b->state->rss.n == 0)
		return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "rss",
				 "%s has no RSS table that could be narrowed, so ordinary traffic "
				 "cannot be kept off the carved-out queues; this needs another NIC "
				 "or driver.",
				 b->state->name);
	if (b->plan->carve_out.ordinary > b->state->rss.n)
		return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "rss",
				 "The RSS table of %s has %zu entries, too few to spread over %u "
				 "queues; lower channels.",
				 b->state->name, b->state->rss.n, b->plan->carve_out.ordinary);
	if (b->plan->carve_out.ordinary <= found_queues(b->state)) {
		r = plan_rss(b);
		plan_channels(b);
	} else {
		plan_channels(b);
		r = plan_rss(b);
	}
	return r;
}

int plan_build(const struct config_interface *config, const struct nic_state *state,
	       struct plan **ret, struct fault *reterr)
{
	_cleanup_(plan_freep) struct plan *plan = calloc(1, sizeof(*plan));
	struct builder b = { .config = config, .state = state, .plan = plan, .reterr = reterr };
	int r;

	if (!plan)
		return -ENOMEM;
	plan->steps = calloc(_STEP_OP_MAX, sizeof(*plan->steps));
	if (!plan->steps)
		return -ENOMEM;
	r = check_split(&b);
	if (r == 0)
		r = count_queues(&b);
	if (r != 0)
		return r;
	plan_split(&b);
	r = plan_ntuple(&b);
	if (r == 0)
		r = plan_rings(&b);
	if (r == 0)
		r = plan_rss_and_channels(&b);
	if (r == 0)
		*ret = TAKE_PTR(plan);
	return r;
}
