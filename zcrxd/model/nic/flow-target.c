/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See flow-target.h.
 */
#include <errno.h>

#include "driver.h"
#include "flow-target.h"

const char *target_share_to_string(enum target_share s)
{
	static const char *const names[_TARGET_SHARE_MAX] = {
		[TARGET_ALL] = "all",
		[TARGET_SOME] = "some",
		[TARGET_REST] = "rest",
	};

	return names[s];
}

static unsigned count_fields(const struct flow *f)
{
	return (f->source.prefix > 0) + (f->destination.prefix > 0) + (f->source_port > 0) +
	       (f->destination_port > 0);
}

/* Ranks are asked from 0 up; which of two rules of one rank wins is not known. */
static uint32_t rank_of(enum rule_order order, const struct nic_rule *rule)
{
	switch (order) {
	case RULES_BY_LOCATION:
		return rule->location;
	case RULES_BY_FIELDS: /* four at most; one that is not understood may have any number */
		return rule->understood ? 4 - count_fields(&rule->flow) : 0;
	case RULES_BY_CHANCE:
	case _RULE_ORDER_MAX:
		break;
	}
	return 0;
}

bool rule_may_precede(const struct nic_state *s, const struct nic_rule *rule,
			 const struct nic_rule *other, bool *ret_sure)
{
	enum rule_order order = driver_rule_order(s->driver);
	uint32_t a = rank_of(order, rule), b = rank_of(order, other);

	*ret_sure = a != b && (rule->understood || order == RULES_BY_LOCATION);
	return a <= b;
}

bool rule_may_match(const struct nic_rule *rule, const struct flow *f)
{
	return !rule->other_protocol && (!rule->understood || flow_overlaps(&rule->flow, f));
}

struct ranked {
	const struct nic_rule *rule;
	uint32_t rank;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->rule->location > y->rule->location) - (x->rule->location < y->rule->location);
}

/* Those that may match, in the order in which they are asked. */
static size_t rank_rules(const struct nic_state *s, const struct flow *f, struct ranked *ret)
{
	enum rule_order order = driver_rule_order(s->driver);
	size_t n = 0;

	for (size_t i = 0; i < s->n_rules; i++)
		if (rule_may_match(&s->rules[i], f))
			ret[n++] = (struct ranked){ &s->rules[i], rank_of(order, &s->rules[i]) };
	qsort(ret, n, sizeof(*ret), by_rank);
	return n;
}

static const struct rss_table *rule_table(const struct nic_state *s, const struct nic_rule *rule)
{
	if (rule->action != RULE_TO_CONTEXT)
		return NULL;
	for (size_t i = 0; i < s->n_contexts; i++)
		if (s->contexts[i].context == rule->target)
			return &s->contexts[i];
	return NULL;
}

int flow_targets(const struct nic_state *s, const struct flow *f, struct flow_target **ret,
		size_t *ret_n)
{
	_cleanup_free_ struct ranked *rules = calloc(s->n_rules + 1, sizeof(*rules));
	_cleanup_free_ struct flow_target *list = calloc(s->n_rules + 1, sizeof(*list));
	size_t n_rules, n = 0, end;
	bool left = true;

	if (!rules || !list)
		return -ENOMEM;
	n_rules = rank_rules(s, f, rules);
	for (size_t first = 0; first < n_rules && left; first = end) {
		bool alone;

		for (end = first + 1; end < n_rules && rules[end].rank == rules[first].rank;)
			end++;
		alone = end == first + 1;
		for (size_t i = first; i < end; i++) {
			const struct nic_rule *rule = rules[i].rule;
			bool whole = rule->understood && flow_covers(&rule->flow, f);

			left = left && !whole;
			list[n] = (struct flow_target){ .share = TARGET_SOME, .rule = rule, .tied = !alone,
						    .table = rule_table(s, rule) };
			if (whole && alone)
				list[n].share = n == 0 ? TARGET_ALL : TARGET_REST;
			n++;
		}
	}
	if (left) {
		list[n] = (struct flow_target){ .share = n == 0 ? TARGET_ALL : TARGET_REST,
					    .table = s->has_rss ? &s->rss : NULL };
		n++;
	}
	*ret = TAKE_PTR(list);
	*ret_n = n;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int flow_target_queues(const struct flow_target *l, uint32_t **ret, size_t *ret_n)
{
	bool to_queue = l->rule && l->rule->action == RULE_TO_QUEUE;
	size_t n = to_queue ? 1 : l->table ? l->table->n : 0, kept = 0;
	_cleanup_free_ uint32_t *queues = calloc(n + 1, sizeof(*queues));

	if (!queues)
		return -ENOMEM;
	if (to_queue)
		queues[0] = l->rule->target;
	else if (n > 0)
		memcpy(queues, l->table->entries, n * sizeof(*queues));
	qsort(queues, n, sizeof(*queues), by_number);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || queues[i] != queues[kept - 1])
			queues[kept++] = queues[i];
	*ret = TAKE_PTR(queues);
	*ret_n = kept;
	return 0;
}
