/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See taken.h.
 */
#include <errno.h>

#include "driver.h"
#include "taken.h"

bool taken_is_sure(const struct taken *t)
{
	return t->any && (t->reason == TAKEN_BY_LOCATION || t->reason == TAKEN_BY_FIELDS);
}

/* Which rules are of none of these flows. */
static bool *find_foreign(const struct nic_state *s, const struct drift_flow *flows, size_t n)
{
	bool *foreign = calloc(s->n_rules + 1, sizeof(*foreign));

	for (size_t i = 0; foreign && i < s->n_rules; i++) {
		foreign[i] = !s->rules[i].other_protocol;
		for (size_t k = 0; foreign[i] && k < n; k++)
			foreign[i] = !nic_rule_is(&s->rules[i], &flows[k].flow, &flows[k].target);
	}
	return foreign;
}

/* Of several that nobody has claimed, the one that is asked first; `exactly`: only where it was put. */
static const struct nic_rule *claim(const struct nic_state *s, const struct drift_flow *f, bool exactly,
				    bool *claimed)
{
	size_t own = s->n_rules;

	for (size_t i = 0; i < s->n_rules; i++)
		if (!claimed[i] && nic_rule_is(&s->rules[i], &f->flow, &f->target) &&
		    (!exactly || s->rules[i].location == f->location) &&
		    (own == s->n_rules || s->rules[i].location < s->rules[own].location))
			own = i;
	if (own == s->n_rules)
		return NULL;
	claimed[own] = true;
	return &s->rules[own];
}

/* Sockets that share a port have the same flow, and a rule each: no two flows are of one rule, for what
 * is nobody's would stay behind. */
static const struct nic_rule **find_own(const struct nic_state *s, const struct drift_flow *flows, size_t n)
{
	const struct nic_rule **own = calloc(n + 1, sizeof(*own));
	_cleanup_free_ bool *claimed = calloc(s->n_rules + 1, sizeof(*claimed));

	if (!own || !claimed) {
		free(own);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		own[i] = claim(s, &flows[i], true, claimed);
	for (size_t i = 0; i < n; i++)
		own[i] = own[i] ?: claim(s, &flows[i], false, claimed);
	return own;
}

static uint32_t lowest_free_location(const struct nic_state *s)
{
	uint32_t location = 0;
	size_t i = 0;

	while (i < s->n_rules)
		if (s->rules[i].location == location) {
			location++;
			i = 0;
		} else
			i++;
	return location;
}

/* What this rule does to the flow, if it does. */
static bool judge(const struct nic_state *s, const struct nic_rule *rule, const struct nic_rule *own,
		  const struct flow *f, struct taken *ret)
{
	bool by_fields = driver_rule_order(s->driver) == RULES_BY_FIELDS, sure;
	struct taken t = { .any = true, .rule = *rule, .share = TARGET_SOME };

	if (!rule_may_match(rule, f) || !rule_may_precede(s, rule, own, &sure))
		return false;
	/* What leads to the same queue is a way into it, which is drift's to close. */
	if (rule->action == own->action && rule->target == own->target)
		return false;
	t.reason = !rule->understood ? TAKEN_MAYBE_MATCH :
		   !sure	     ? TAKEN_MAYBE_TIED :
		   by_fields	     ? TAKEN_BY_FIELDS :
				       TAKEN_BY_LOCATION;
	if (taken_is_sure(&t) && flow_covers(&rule->flow, f))
		t.share = TARGET_ALL;
	*ret = t;
	return true;
}

/* What takes all of it says more than what takes some, and what does more than what may. */
static int weight(const struct taken *t)
{
	return !t->any ? 0 : !taken_is_sure(t) ? 1 : t->share == TARGET_ALL ? 3 : 2;
}

static bool is_worse(const struct taken *t, const struct taken *than)
{
	if (weight(t) != weight(than))
		return weight(t) > weight(than);
	return t->rule.location < than->rule.location;
}

int taken_find(const struct nic_state *s, const struct drift_flow *flows, size_t n,
	       struct taken *ret)
{
	_cleanup_free_ bool *foreign = find_foreign(s, flows, n);
	_cleanup_free_ const struct nic_rule **owns = find_own(s, flows, n);
	const uint32_t room = lowest_free_location(s);

	if (!foreign || !owns)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct nic_rule *own = owns[i];
		struct taken worst = {}, t;

		for (size_t k = 0; own && k < s->n_rules; k++)
			if (foreign[k] && judge(s, &s->rules[k], own, &flows[i].flow, &t) &&
			    is_worse(&t, &worst))
				worst = t;
		/* Who drops packets does not want them to be received: that is not gone around. */
		worst.movable = worst.reason == TAKEN_BY_LOCATION && taken_is_sure(&worst) &&
				worst.rule.action != RULE_DROP && !s->chooses_locations &&
				room < worst.rule.location;
		worst.has_own = own != NULL;
		worst.own_location = own ? own->location : 0;
		ret[i] = worst;
	}
	return 0;
}

/* ----------------------------------------------------------------------------- in words */

static const char *amount(const struct taken *t)
{
	if (!taken_is_sure(t))
		return "may take";
	return t->share == TARGET_ALL ? "takes" : "takes part of";
}

static const char *dropped(const struct taken *t)
{
	if (!taken_is_sure(t))
		return "may drop";
	return t->share == TARGET_ALL ? "drops" : "drops part of";
}

static const char *why(const struct taken *t)
{
	static const char *const texts[_TAKEN_REASON_MAX] = {
		[TAKEN_BY_LOCATION] = "",
		[TAKEN_BY_FIELDS] = "; this driver goes by the rule with more fields, wherever it lies",
		[TAKEN_MAYBE_TIED] = "; this driver does not tell which of two rules it goes by",
		[TAKEN_MAYBE_MATCH] = "; what it matches is more than zcrxd knows",
	};

	return texts[t->reason];
}

int taken_format(const struct taken *t, const struct flow *f, const char *interface, char **ret)
{
	_cleanup_free_ char *flow = NULL, *act = NULL;
	int r = -1;

	if (flow_format(f, &flow) < 0)
		return -ENOMEM;
	switch (t->rule.action) {
	case RULE_TO_QUEUE:
		r = asprintf(&act, "%s %s to queue %u", amount(t), flow, t->rule.target);
		break;
	case RULE_TO_CONTEXT:
		r = asprintf(&act, "%s %s to RSS context %u", amount(t), flow, t->rule.target);
		break;
	case RULE_DROP:
		r = asprintf(&act, "%s %s", dropped(t), flow);
		break;
	case RULE_OTHER:
		r = asprintf(&act, "%s %s elsewhere, to a virtual function or to wake the machine",
			     amount(t), flow);
		break;
	}
	if (r < 0) {
		act = NULL;
		return -ENOMEM;
	}
	r = asprintf(ret, "rule %u, which is not zcrxd's, %s%s (ethtool -N %s delete %u removes it)",
		     t->rule.location, act, why(t), interface, t->rule.location);
	return r < 0 ? -ENOMEM : 0;
}
