/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a NIC leads what it receives to where it did when somebody looked at it before.
 */
#include "nic-state.h"

static bool same_numbers(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b)
{
	return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof(*a)) == 0);
}

static bool same_table(const struct rss_table *a, const struct rss_table *b)
{
	return a->context == b->context && same_numbers(a->entries, a->n, b->entries, b->n);
}

static bool same_contexts(const struct nic_state *a, const struct nic_state *b)
{
	if (a->n_contexts != b->n_contexts)
		return false;
	for (size_t i = 0; i < a->n_contexts; i++)
		if (!same_table(&a->contexts[i], &b->contexts[i]))
			return false;
	return true;
}

static bool same_rule(const struct nic_rule *a, const struct nic_rule *b)
{
	return a->location == b->location && a->action == b->action && a->target == b->target &&
	       a->understood == b->understood && a->other_protocol == b->other_protocol &&
	       (!a->understood || flow_equal(&a->flow, &b->flow));
}

static bool same_rules(const struct nic_state *a, const struct nic_state *b)
{
	if (a->has_rules != b->has_rules || a->chooses_locations != b->chooses_locations || a->n_rules != b->n_rules)
		return false;
	for (size_t i = 0; i < a->n_rules; i++)
		if (!same_rule(&a->rules[i], &b->rules[i]))
			return false;
	return true;
}

bool nic_state_same_steering(const struct nic_state *a, const struct nic_state *b)
{
	return a->ifindex == b->ifindex && streq(a->name, b->name) && a->detached == b->detached && a->up == b->up &&
	       a->has_rss == b->has_rss && same_table(&a->rss, &b->rss) && same_contexts(a, b) &&
	       same_numbers(a->rfs_queues, a->n_rfs_queues, b->rfs_queues, b->n_rfs_queues) && same_rules(a, b) &&
	       a->guard_lost == b->guard_lost;
}
