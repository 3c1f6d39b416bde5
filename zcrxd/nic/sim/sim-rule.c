/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules of a simulated NIC, by nic.h.
 */
#include "share.h"
#include "sim-internal.h"

#define RULES_MOST 1024

static bool location_taken(const struct nic_state *s, uint32_t location)
{
	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rules[i].location == location)
			return true;
	return false;
}

static int add_rule(struct nic_state *s, const struct flow *flow, const struct rule_target *target,
		    uint32_t *ret_location)
{
	struct nic_rule *rules = reallocarray(s->rules, s->n_rules + 1, sizeof(*rules));
	uint32_t location = 0;

	if (!rules)
		return -ENOMEM;
	s->rules = rules;
	while (location_taken(s, location))
		location++;
	s->rules[s->n_rules++] = (struct nic_rule) {
		.location = location,
		.action = target->action,
		.target = target->number,
		.understood = true,
		.flow = *flow,
	};
	*ret_location = location;
	return 0;
}

static bool target_exists(const struct nic_state *s, const struct rule_target *target)
{
	if (target->action == RULE_TO_QUEUE)
		return target->number < nic_channels_rx(&s->channels);
	for (size_t i = 0; i < s->n_contexts; i++)
		if (s->contexts[i].context == target->number)
			return true;
	return false;
}

int sim_rule_insert(struct nic *nic, const struct flow *flow, const struct rule_target *target,
		    size_t held, uint32_t *ret_location, struct fault *reterr)
{
	static const char operation[] = "insert ntuple rule";
	size_t most;

	SIM_PRESENT_NIC(nic, operation, h, s, reterr);

	if (!s->up)
		return sim_down(s, reterr);
	if (!s->has_rules || !feature_is_on(s->ntuple))
		return fault_kernel(reterr, EOPNOTSUPP, NULL, operation,
				    "Switch ntuple filters on.");
	if (!target_exists(s, target))
		return fault_kernel(reterr, EINVAL, NULL, operation, "There is no %s %u.",
				    target->action == RULE_TO_QUEUE ? "queue" : "RSS context",
				    target->number);
	if (target->action == RULE_TO_CONTEXT && h->sim->nics[h->slot].contexts_lost >> target->number % 64 & 1)
		return fault_kernel(reterr, ENOENT, NULL, operation, "The driver has lost the context.");
	most = h->sim->nics[h->slot].rules_max ?: RULES_MOST;
	if (s->n_rules < most && !share_allows(most, s->n_rules, held, 1))
		return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "rules", "The rest is for others.");
	if (s->n_rules >= most)
		return fault_kernel(reterr, ENOSPC, NULL, operation, "The NIC has no room.");
	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rules[i].understood && flow_equal(&s->rules[i].flow, flow))
			return fault_kernel(reterr, EEXIST, NULL, operation,
					    "Rule %u matches the same.", s->rules[i].location);
	if (h->sim->shared->features.guard && !sim_guards(&h->sim->nics[h->slot], flow))
		h->sim->n_unguarded++;
	return add_rule(s, flow, target, ret_location);
}

int sim_rule_delete(struct nic *nic, uint32_t location, const struct flow *flow,
		    const struct rule_target *target, struct fault *reterr)
{
	SIM_PRESENT_NIC(nic, "delete ntuple rule", h, s, reterr);

	if (!s->up && h->sim->nics[h->slot].hides_rules)
		return sim_down(s, reterr);
	for (size_t i = 0; i < s->n_rules; i++) {
		struct nic_rule *rule = &s->rules[i];

		if (rule->location != location)
			continue;
		if (nic_rule_is(rule, flow, target))
			*rule = s->rules[--s->n_rules];
		break;
	}
	return 0;
}
