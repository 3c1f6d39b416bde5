/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the configuration wants changed on a NIC, and in which order. The order, and why:
 *
 *   gro-hw          only where the driver refuses tcp-data-split while it is off
 *   tcp-data-split  first of all: a NIC without it cannot do zcrx, and says so before anything else
 *                   was changed
 *   hds-threshold   the kernel refuses zcrx while it is not 0
 *   rings           next to these: the kernel gets all three in one call, and the driver closes the
 *                   device for them once
 *   ntuple          cheap to undo, and before the queues it concerns are made
 *   rss, channels   see plan-queues.c
 *
 * The same order shrinks a carve-out. Undo runs it backwards.
 */
#include "driver.h"
#include "plan-builder.h"

/* Where both kinds come out of one pool (ice, idpf), that is the limit of both together. */
static unsigned most_queues(const struct nic_state *s)
{
	const struct nic_channels *c = &s->channels;
	unsigned most = c->combined_max + c->rx;

	if (!s->has_channels)
		return nic_state_rx_queues(s);
	if (c->combined == 0 && (c->rx > 0 || c->combined_max == 0))
		return c->rx_max;
	return c->rx_max >= c->combined_max && most > c->rx_max ? c->rx_max : most;
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

static int count_queues(struct builder *b, const struct config_interface *c, unsigned *ret)
{
	const struct nic_state *s = b->state;
	unsigned found = nic_state_rx_queues(s), queues = found;

	switch (c->channels_mode) {
	case CHANNELS_KEEP:
		break;
	case CHANNELS_MAX:
		queues = most_queues(s);
		break;
	case CHANNELS_COUNT:
		queues = c->channels;
		if (queues != found && (!s->has_channels || queues > most_queues(s)))
			return too_many(b, queues);
		break;
	}
	if (queues <= c->zero_copy_queues)
		return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "channels",
				 "%s has %u receive queue%s, which is too few to carve out %u: at "
				 "least one must stay ordinary; raise channels or lower "
				 "zero-copy-queues.",
				 s->name, queues, queues == 1 ? "" : "s", c->zero_copy_queues);
	*ret = queues;
	return 0;
}

/* Nothing of it could be leased, whatever it is set to; who asks for no split does not want that. */
static int check_queue_management(const struct builder *b, const struct config_interface *c)
{
	const struct nic_state *s = b->state;

	if (!c->tcp_data_split || !s->no_queue_management)
		return 0;
	return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "queue-management",
			 "No queue of %s can be leased: the kernel says that its driver (%s) has no queue "
			 "management. Its settings are left as they are. This needs a NIC of mlx5_core, bnxt_en, "
			 "gve or fbnic; queues without a NIC work on any machine (software in zcrxd.yaml(5)).",
			 s->name, s->driver && *s->driver ? s->driver : "unknown");
}

/* RSS is set at each lease and at its end: that must cost the others nothing. */
static int check_idle(const struct builder *b)
{
	const struct nic_state *s = b->state;

	if (b->idle_queues == IDLE_RESERVE || !step_disturbs(STEP_RSS, s->driver))
		return 0;
	return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "idle-queues",
			 "Idle queues of %s cannot serve RSS: its driver (%s) interrupts the link whenever the RSS table "
			 "is set, which would happen at the beginning and at the end of each lease. Its settings are left as "
			 "they are. Set idle-queues to reserve.", s->name, s->driver ?: "unknown");
}

/* Before anything that could be had by other settings: this NIC will never do. */
static int check_split(const struct builder *b, const struct config_interface *c)
{
	const struct nic_state *s = b->state;

	if (!c->tcp_data_split || s->split == SPLIT_ENABLED)
		return 0;
	if (s->split == SPLIT_UNKNOWN && driver_splits_if_known(s->driver))
		return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "tcp-data-split",
				 "%s cannot split headers from data (tcp-data-split), which zero-copy receive needs: "
				 "its driver (%s) reports neither on nor off. This needs a machine whose NIC has it.",
				 s->name, s->driver);
	if (!s->split_refusal)
		return 0;
	return fault_set(
		b->reterr, ZCRX_NOT_SUPPORTED, "tcp-data-split",
		"%s cannot split headers from data (tcp-data-split), which zero-copy receive "
		"needs. The kernel says: %s. This needs another NIC or driver.",
		s->name, s->split_refusal);
}

/* The kernel would answer 0, and leave it off (mlx5, by CQE compression, as in slow PCIe slots, or legacy RQ). */
static int plan_gro(struct builder *b)
{
	const struct nic_state *s = b->state;
	const char *flags = driver_flags_for_gro(s);

	if (!flags)
		return builder_add_number(b, STEP_GRO_HW, 0, 1);
	return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "rx-gro-hw",
			 "%s splits headers from data with rx-gro-hw only, and its driver keeps that off with its "
			 "private flags as they are. Set them (the link goes down for it): ethtool --set-priv-flags "
			 "%s %s",
			 s->name, s->name, flags);
}

/* A driver that splits unasked (bnxt, fbnic, idpf) is asked nevertheless: zcrx wants it to have been
 * set. Queues are only ever held where it was. */
static int plan_split(struct builder *b, const struct config_interface *c)
{
	const struct nic_state *s = b->state;
	bool by_driver = s->split == SPLIT_ENABLED && !s->split_was_set && b->held.n == 0;
	struct step split = { .op = STEP_TCP_DATA_SPLIT,
			      .from = { .number = s->split, .by_driver = by_driver },
			      .to.number = SPLIT_ENABLED };
	int r = 0;

	if (c->tcp_data_split && (s->split != SPLIT_ENABLED || by_driver)) {
		if ((driver_splits_by_gro(s->driver) || s->split_needs_gro_hw) && !feature_is_on(s->gro_hw))
			r = plan_gro(b);
		if (r == 0)
			r = builder_add(b, &split);
	}
	if (r == 0 && s->has_hds_threshold)
		r = builder_add_number(b, STEP_HDS_THRESHOLD, s->hds_threshold, c->hds_threshold);
	return r;
}

/* mlx5 has rules whatever the feature says, and with it accelerated RFS, which is not to be switched on. */
static int plan_ntuple(struct builder *b)
{
	const struct nic_state *s = b->state;

	if (s->has_rules && !driver_needs_ntuple(s->driver))
		return 0;
	if (s->ntuple == FEATURE_OFF)
		return builder_add_number(b, STEP_NTUPLE, 0, 1);
	if (!feature_is_on(s->ntuple) && !s->has_rules)
		return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "ntuple-filters",
				 "%s has no ntuple filters, so flows cannot be steered to a queue; "
				 "this needs another NIC or driver.",
				 s->name);
	return 0;
}

static int plan_rings(struct builder *b, unsigned wanted)
{
	const struct nic_state *s = b->state;

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
	return builder_add_number(b, STEP_RINGS, s->rx_ring, wanted);
}

static int check_rss(const struct builder *b, unsigned ordinary, unsigned queues)
{
	const struct nic_state *s = b->state;
	size_t entries = plan_rss_entries(s, queues);

	if (!s->has_rss || s->rss.n == 0)
		return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "rss",
				 "%s has no RSS table that could be narrowed, so ordinary traffic "
				 "cannot be kept off the carved-out queues; this needs another NIC "
				 "or driver.",
				 s->name);
	if (ordinary > entries)
		return fault_set(b->reterr, ZCRX_NOT_SUPPORTED, "rss",
				 "The RSS table of %s has %zu entries, too few to spread over %u "
				 "queues; lower channels.",
				 s->name, entries, ordinary);
	return 0;
}

/* There is nothing to set, only queues to count. Those that are too many stay as long as they are held. */
static int plan_software(struct builder *b, unsigned queues)
{
	struct step step = { .op = STEP_CHANNELS, .to.channels.combined = queues };
	unsigned most = queues;

	for (size_t i = 0; i < b->held.n; i++)
		if (b->held.queues[i] >= most)
			most = b->held.queues[i] + 1;
	b->plan->carve_out = (struct carve_out) { .zero_copy_count = most, .lease_op_end = queues };
	step.from.channels.combined = most;
	return most > queues ? builder_wait(b, &step, queues, UINT32_MAX) : 0;
}

int plan_build(const struct config_interface *config, const struct nic_state *state,
	       const struct busy_queues *held, struct plan **ret, struct fault *reterr)
{
	struct builder b = builder_new(state, held, reterr);
	_cleanup_(plan_freep) struct plan *plan = b.plan;
	unsigned queues = 0;
	int r;

	if (!plan)
		return -ENOMEM;
	b.idle_queues = config->idle_queues;
	b.keep_free = config->keep_free;
	if (state->software) {
		r = plan_software(&b, config->zero_copy_queues);
		if (r == 0)
			*ret = TAKE_PTR(plan);
		return r;
	}
	r = check_split(&b, config);
	if (r == 0)
		r = check_queue_management(&b, config);
	if (r == 0)
		r = check_idle(&b);
	if (r == 0)
		r = count_queues(&b, config, &queues);
	if (r == 0)
		r = plan_split(&b, config);
	if (r == 0)
		r = plan_rings(&b, config->rx_ring);
	if (r == 0)
		r = plan_ntuple(&b);
	if (r == 0)
		r = check_rss(&b, queues - config->zero_copy_queues, queues);
	if (r == 0)
		r = plan_carve_out(&b, config, queues);
	if (r == 0)
		*ret = TAKE_PTR(plan);
	return r;
}

static bool is_of_ring(const struct step *step)
{
	return step->op == STEP_TCP_DATA_SPLIT || step->op == STEP_HDS_THRESHOLD || step->op == STEP_RINGS;
}

/* A ring that waits until the split is given back would be refused before that: see plan_restore(). */
size_t plan_at_once(const struct plan *plan, size_t first)
{
	const struct step *s = plan->steps;
	bool gives_back = false;
	size_t end = first;

	while (end < plan->n_steps && is_of_ring(&s[end]) && !(gives_back && s[end].op == STEP_RINGS)) {
		gives_back |= s[end].op == STEP_TCP_DATA_SPLIT &&
			      (s[end].to.number != SPLIT_ENABLED || s[end].to.by_driver);
		end++;
	}
	return end > first ? end - first : 1;
}
