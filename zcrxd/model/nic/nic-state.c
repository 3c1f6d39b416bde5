/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies and questions of an observed NIC. What steps do to one is nic-state-apply.c's.
 */
#include "nic-state.h"

static void rss_table_done(struct rss_table *t)
{
	free(t->entries);
}

void napi_settings_apply(struct napi_settings *to, const struct napi_settings *from, unsigned which)
{
	if (which & NAPI_DEFER_HARD_IRQS)
		to->defer_hard_irqs = from->defer_hard_irqs;
	if (which & NAPI_GRO_FLUSH_TIMEOUT)
		to->gro_flush_timeout = from->gro_flush_timeout;
	if (which & NAPI_IRQ_SUSPEND_TIMEOUT)
		to->irq_suspend_timeout = from->irq_suspend_timeout;
}

struct nic_state *nic_state_free(struct nic_state *s)
{
	if (!s)
		return NULL;
	free(s->driver);
	free(s->split_refusal);
	rss_table_done(&s->rss);
	for (size_t i = 0; i < s->n_contexts; i++)
		rss_table_done(&s->contexts[i]);
	free(s->contexts);
	free(s->rfs_queues);
	free(s->rules);
	free(s->queues);
	free(s);
	return NULL;
}

/* A copy of n elements; NULL for none, and where there is no memory. */
static void *copy_array(const void *p, size_t n, size_t size)
{
	void *copy = n ? calloc(n, size) : NULL;

	return copy ? memcpy(copy, p, n * size) : NULL;
}

static int copy_contexts(const struct nic_state *s, struct nic_state *to)
{
	if (s->n_contexts == 0)
		return 0;
	to->contexts = calloc(s->n_contexts, sizeof(*to->contexts));
	if (!to->contexts)
		return -ENOMEM;
	to->n_contexts = s->n_contexts;
	for (size_t i = 0; i < s->n_contexts; i++) {
		const struct rss_table *t = &s->contexts[i];

		to->contexts[i] = *t;
		to->contexts[i].entries = copy_array(t->entries, t->n, sizeof(*t->entries));
		if (t->n && !to->contexts[i].entries)
			return -ENOMEM;
	}
	return 0;
}

int nic_state_copy(const struct nic_state *s, struct nic_state **ret)
{
	_cleanup_(nic_state_freep) struct nic_state *c = malloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = *s;
	c->contexts = NULL;
	c->n_contexts = 0;
	c->driver = strdup(s->driver ?: "");
	c->split_refusal = s->split_refusal ? strdup(s->split_refusal) : NULL;
	c->rss.entries = copy_array(s->rss.entries, s->rss.n, sizeof(*s->rss.entries));
	c->rfs_queues = copy_array(s->rfs_queues, s->n_rfs_queues, sizeof(*s->rfs_queues));
	c->rules = copy_array(s->rules, s->n_rules, sizeof(*s->rules));
	c->queues = copy_array(s->queues, s->n_queues, sizeof(*s->queues));
	if (!c->driver || (s->split_refusal && !c->split_refusal) ||
	    (s->rss.n && !c->rss.entries) || (s->n_rules && !c->rules) ||
	    (s->n_rfs_queues && !c->rfs_queues) ||
	    (s->n_queues && !c->queues) || copy_contexts(s, c) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(c);
	return 0;
}

const char *data_split_to_string(enum data_split s)
{
	static const char *const names[_SPLIT_MAX] = {
		[SPLIT_UNKNOWN] = "unknown",
		[SPLIT_DISABLED] = "disabled",
		[SPLIT_ENABLED] = "enabled",
	};

	return s >= 0 && s < _SPLIT_MAX ? names[s] : "unknown";
}

unsigned nic_channels_rx(const struct nic_channels *c)
{
	return c->combined + c->rx;
}

unsigned nic_state_rx_queues(const struct nic_state *s)
{
	return s->has_channels ? nic_channels_rx(&s->channels) : (unsigned)s->n_queues;
}

unsigned rss_table_span(const struct rss_table *t)
{
	unsigned span = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->entries[i] >= span)
			span = t->entries[i] + 1;
	return span;
}

bool rss_table_leads_to(const struct rss_table *t, unsigned queue)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->entries[i] == queue)
			return true;
	return false;
}

bool rss_table_is_default(const struct rss_table *t, unsigned queues)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->entries[i] != i % queues)
			return false;
	return true;
}

bool rss_table_is_equal(const struct rss_table *t)
{
	const unsigned span = rss_table_span(t);
	_cleanup_free_ size_t *counts = calloc(span + 1, sizeof(*counts));
	size_t least = SIZE_MAX, most = 0;

	if (!counts)
		return false;
	for (size_t i = 0; i < t->n; i++)
		counts[t->entries[i]]++;
	for (unsigned q = 0; q < span; q++) {
		most = counts[q] > most ? counts[q] : most;
		least = counts[q] > 0 && counts[q] < least ? counts[q] : least;
	}
	return most <= least || most - least == 1;
}

bool nic_state_rss_is_default(const struct nic_state *s)
{
	unsigned queues = nic_state_rx_queues(s);

	return s->rss.n == 0 || (queues > 0 && rss_table_is_default(&s->rss, queues));
}

bool nic_channels_same(const struct nic_channels *a, const struct nic_channels *b)
{
	return a->combined == b->combined && a->rx == b->rx && a->tx == b->tx;
}

bool nic_state_has_rfs(const struct nic_state *s, unsigned queue)
{
	for (size_t i = 0; i < s->n_rfs_queues; i++)
		if (s->rfs_queues[i] == queue)
			return true;
	return false;
}

bool feature_can_change(enum feature_state f)
{
	return f == FEATURE_ON || f == FEATURE_OFF;
}

bool feature_is_on(enum feature_state f)
{
	return f == FEATURE_ON || f == FEATURE_FIXED_ON;
}

static bool same_feature(enum feature_state a, enum feature_state b)
{
	return a == b || (!feature_can_change(a) && !feature_can_change(b));
}

static bool same_rss(const struct nic_state *a, const struct nic_state *b)
{
	bool is_default = nic_state_rss_is_default(a);

	if (a->has_rss != b->has_rss || is_default != nic_state_rss_is_default(b))
		return false;
	return is_default || (a->rss.n == b->rss.n && memcmp(a->rss.entries, b->rss.entries,
							     a->rss.n * sizeof(*a->rss.entries)) == 0);
}

bool nic_state_same_settings(const struct nic_state *a, const struct nic_state *b)
{
	return a->has_channels == b->has_channels && nic_channels_same(&a->channels, &b->channels) &&
	       a->has_rings == b->has_rings && a->rx_ring == b->rx_ring && a->has_split == b->has_split &&
	       a->split == b->split && a->has_hds_threshold == b->has_hds_threshold &&
	       a->hds_threshold == b->hds_threshold && same_feature(a->ntuple, b->ntuple) &&
	       same_feature(a->gro_hw, b->gro_hw) && same_rss(a, b);
}

unsigned nic_state_rss_queues(const struct nic_state *s)
{
	unsigned count = 0;

	for (size_t i = 0; i < s->rss.n; i++) {
		struct rss_table before = { .entries = s->rss.entries, .n = i };

		count += !rss_table_leads_to(&before, s->rss.entries[i]);
	}
	return count;
}

bool nic_queue_is_used(const struct nic_queue *q)
{
	return q->io_uring || q->dmabuf || q->xsk || q->leased;
}

bool nic_state_queue_clean(const struct nic_state *s, unsigned queue)
{
	return queue < s->n_queues && !nic_queue_is_used(&s->queues[queue]);
}

char *nic_queue_describe_user(const struct nic_queue *q)
{
	char *text;

	if (!q->leased)
		return strdup(q->io_uring ? "an io_uring: some process keeps the ring open" :
			      q->dmabuf	  ? "a dma-buf binding: some process keeps it open" :
					    "an AF_XDP socket: some process keeps it open");
	if (asprintf(&text, "a network device that is none of zcrxd's: number %u in `ip link`%s", q->lease_ifindex,
		     q->lease_elsewhere ? " of another network namespace" : "") < 0)
		return NULL;
	return text;
}

bool nic_rule_is(const struct nic_rule *rule, const struct flow *flow,
		 const struct rule_target *target)
{
	return rule->action == target->action && rule->target == target->number &&
	       rule->understood && flow_equal(&rule->flow, flow);
}

void rss_table_spread(const uint32_t *queues, size_t n_queues, uint32_t *ret, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = queues[i % n_queues];
}

/* The kernel doubles a table by repeating it when channels are added, and halves it again. */
static bool is_spread(const struct rss_table *t, const uint32_t *queues, size_t n_queues)
{
	for (size_t period = t->n; period >= n_queues; period /= 2) {
		size_t i = 0;

		while (i < t->n && t->entries[i] == queues[i % period % n_queues])
			i++;
		if (i == t->n)
			return true;
		if (period % 2 != 0)
			break;
	}
	return false;
}

const struct rss_table *nic_state_own_context(const struct nic_state *s, uint32_t context,
					      const uint32_t *queues, size_t n_queues)
{
	for (size_t i = 0; i < s->n_contexts; i++)
		if ((context == 0 || s->contexts[i].context == context) &&
		    is_spread(&s->contexts[i], queues, n_queues))
			return &s->contexts[i];
	return NULL;
}

/* ------------------------------------------------------------------------ ways */

static bool is_own_rule(const struct own_steering *own, uint32_t location)
{
	for (size_t i = 0; i < own->n_rules; i++)
		if (own->rules[i] == location)
			return true;
	return false;
}

static int check_contexts(const struct nic_state *s, unsigned queue, const struct rss_table *own,
			  struct fault *reterr)
{
	for (size_t i = 0; i < s->n_contexts; i++)
		if (&s->contexts[i] != own && rss_table_leads_to(&s->contexts[i], queue))
			return fault_set(
				reterr, ZCRX_FLOW_CONFLICT, NULL,
				"RSS context %u of %s, which is not zcrxd's, leads to queue "
				"%u; narrow it, or remove it with: ethtool -X %s context "
				"%u delete",
				s->contexts[i].context, s->name, queue, s->name,
				s->contexts[i].context);
	return 0;
}

/* Somebody else's context is refused whatever leads to it; to the lease's own, only its rules may. */
static int check_rules(const struct nic_state *s, unsigned queue, const struct own_steering *own,
		       const struct rss_table *context, struct fault *reterr)
{
	for (size_t i = 0; i < s->n_rules; i++) {
		const struct nic_rule *rule = &s->rules[i];
		bool leads = (rule->action == RULE_TO_QUEUE && rule->target == queue) ||
			     (rule->action == RULE_TO_CONTEXT && context &&
			      rule->target == context->context);

		if (leads && !is_own_rule(own, rule->location))
			return fault_set(reterr, ZCRX_FLOW_CONFLICT, NULL,
					 "Rule %u of %s, which is not zcrxd's, leads to queue %u; "
					 "remove it with: ethtool -N %s delete %u",
					 rule->location, s->name, queue, s->name, rule->location);
	}
	return 0;
}

int nic_state_check_isolated(const struct nic_state *s, unsigned queue,
			     const struct own_steering *own, struct fault *reterr)
{
	const struct rss_table *context =
		own->context ? nic_state_own_context(s, own->context, own->queues, own->n_queues)
			     : NULL;
	int r;

	/* A table that cannot be read may lead anywhere. */
	if (!s->has_rss)
		return fault_set(
			reterr, ZCRX_FLOW_CONFLICT, NULL,
			"The RSS table of %s cannot be read, so ordinary traffic may reach "
			"queue %u; this needs a driver with RSS.",
			s->name, queue);
	if (!own->table_is_seen_to && rss_table_leads_to(&s->rss, queue))
		return fault_set(
			reterr, ZCRX_FLOW_CONFLICT, NULL,
			"The RSS table of %s leads ordinary traffic to queue %u; narrow it "
			"with: zcrxctl apply %s",
			s->name, queue, s->name);
	if (nic_state_has_rfs(s, queue))
		return fault_set(reterr, ZCRX_FLOW_CONFLICT, NULL,
				 "Accelerated RFS of %s may lead anybody's flows to queue %u. Switch it off for "
				 "that queue: echo 0 > /sys/class/net/%s/queues/rx-%u/rps_flow_cnt",
				 s->name, queue, s->name, queue);
	r = check_contexts(s, queue, context, reterr);
	return r != 0 ? r : check_rules(s, queue, own, context, reterr);
}

int nic_queues_check_irq(const struct nic_queue *queues, size_t n, uint32_t queue, const char *name,
			 struct fault *reterr)
{
	uint32_t irq = queue < n ? queues[queue].interrupt.irq : 0;

	if (irq == 0)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "irq",
				 "The driver of %s does not tell which interrupt serves queue %u.", name,
				 queue);
	for (size_t i = 0; i < n; i++)
		if (i != queue && queues[i].interrupt.irq == irq)
			return fault_set(reterr, ZCRX_NOT_SUPPORTED, "irq",
					 "Queues %u and %zu of %s share interrupt %u: neither's can go "
					 "elsewhere alone.",
					 queue, i, name, irq);
	return 0;
}
