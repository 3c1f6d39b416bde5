/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See landing.h.
 */
#include <errno.h>

#include "landing.h"

const char *landing_share_to_string(enum landing_share s)
{
	static const char *const names[_LANDING_SHARE_MAX] = {
		[LANDING_ALL] = "all",
		[LANDING_SOME] = "some",
		[LANDING_REST] = "rest",
	};

	return names[s];
}

static int by_location(const void *a, const void *b)
{
	const struct nic_rule *x = *(const struct nic_rule *const *)a;
	const struct nic_rule *y = *(const struct nic_rule *const *)b;

	return (x->location > y->location) - (x->location < y->location);
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

int landings_of(const struct nic_state *s, const struct flow *f, struct landing **ret,
		size_t *ret_n)
{
	_cleanup_free_ const struct nic_rule **rules = calloc(s->n_rules + 1, sizeof(*rules));
	_cleanup_free_ struct landing *list = calloc(s->n_rules + 1, sizeof(*list));
	bool left = true;
	size_t n = 0;

	if (!rules || !list)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_rules; i++)
		rules[i] = &s->rules[i];
	qsort(rules, s->n_rules, sizeof(*rules), by_location);

	for (size_t i = 0; i < s->n_rules && left; i++) {
		const struct nic_rule *rule = rules[i];

		if (rule->understood && !flow_overlaps(&rule->flow, f))
			continue;
		left = !rule->understood || !flow_covers(&rule->flow, f);
		list[n] = (struct landing){ .share = LANDING_SOME, .rule = rule,
					    .table = rule_table(s, rule) };
		if (!left)
			list[n].share = n == 0 ? LANDING_ALL : LANDING_REST;
		n++;
	}
	if (left) {
		list[n] = (struct landing){ .share = n == 0 ? LANDING_ALL : LANDING_REST,
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

int landing_queues(const struct landing *l, uint32_t **ret, size_t *ret_n)
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
