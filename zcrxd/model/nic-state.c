/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies and questions of an observed NIC. What steps do to one is nic-state-apply.c's.
 */
#include "nic-state.h"

static void rss_table_done(struct rss_table *t)
{
	free(t->entries);
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
	c->rules = copy_array(s->rules, s->n_rules, sizeof(*s->rules));
	c->queues = copy_array(s->queues, s->n_queues, sizeof(*s->queues));
	if (!c->driver || (s->split_refusal && !c->split_refusal) ||
	    (s->rss.n && !c->rss.entries) || (s->n_rules && !c->rules) ||
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

unsigned nic_state_rss_queues(const struct nic_state *s)
{
	unsigned count = 0;

	for (size_t i = 0; i < s->rss.n; i++) {
		struct rss_table before = { .entries = s->rss.entries, .n = i };

		count += !rss_table_leads_to(&before, s->rss.entries[i]);
	}
	return count;
}

bool nic_state_queue_clean(const struct nic_state *s, unsigned queue)
{
	const struct nic_queue *q;

	if (queue >= s->n_queues)
		return false;
	q = &s->queues[queue];
	return !q->io_uring && !q->dmabuf && !q->xsk && !q->leased;
}

static bool is_own(const uint32_t *own, size_t n_own, uint32_t location)
{
	for (size_t i = 0; i < n_own; i++)
		if (own[i] == location)
			return true;
	return false;
}

static int check_rules(const struct nic_state *s, unsigned queue, const uint32_t *own, size_t n_own,
		       struct fault *reterr)
{
	for (size_t i = 0; i < s->n_rules; i++) {
		const struct nic_rule *rule = &s->rules[i];

		if (rule->action == RULE_TO_QUEUE && rule->target == queue &&
		    !is_own(own, n_own, rule->location))
			return fault_set(reterr, ZCRX_FLOW_CONFLICT, NULL,
					 "Rule %u of %s, which is not zcrxd's, leads to queue %u; "
					 "remove it with: ethtool -N %s delete %u",
					 rule->location, s->name, queue, s->name, rule->location);
	}
	return 0;
}

int nic_state_check_ways(const struct nic_state *s, unsigned queue, const uint32_t *own,
			 size_t n_own, struct fault *reterr)
{
	/* A table that cannot be read may lead anywhere. */
	if (!s->has_rss)
		return fault_set(
			reterr, ZCRX_FLOW_CONFLICT, NULL,
			"The RSS table of %s cannot be read, so ordinary traffic may reach "
			"queue %u; this needs a driver with RSS.",
			s->name, queue);
	if (rss_table_leads_to(&s->rss, queue))
		return fault_set(
			reterr, ZCRX_FLOW_CONFLICT, NULL,
			"The RSS table of %s leads ordinary traffic to queue %u; narrow it "
			"with: zcrxctl apply %s",
			s->name, queue, s->name);
	for (size_t i = 0; i < s->n_contexts; i++)
		if (rss_table_leads_to(&s->contexts[i], queue))
			return fault_set(
				reterr, ZCRX_FLOW_CONFLICT, NULL,
				"RSS context %u of %s, which is not zcrxd's, leads to queue "
				"%u; narrow it, or remove it with: ethtool -X %s context "
				"%u delete",
				s->contexts[i].context, s->name, queue, s->name,
				s->contexts[i].context);
	return check_rules(s, queue, own, n_own, reterr);
}
