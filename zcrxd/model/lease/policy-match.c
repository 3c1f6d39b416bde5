/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See policy-match.h, and of policy.h what says who matches which rule.
 */
#include "control-group.h"
#include "policy-match.h"

static bool in_group(const struct peer *peer, gid_t gid)
{
	if (peer->gid == gid)
		return true;
	for (size_t i = 0; i < peer->n_groups; i++)
		if (peer->groups[i] == gid)
			return true;
	return false;
}

/* Whether the peer is whom the rule names; from wherever he speaks. */
static bool names(const struct policy_rule *rule, const struct peer *peer)
{
	/* A name that nobody has (yet) must not match uid 0, which is what an unset number reads as. */
	if (rule->user && (!rule->user_number.known || rule->user_number.id != peer->uid))
		return false;
	return !rule->group || (rule->group_number.known && in_group(peer, rule->group_number.id));
}

static bool is_from_where(const struct policy_rule *rule, const struct peer *peer)
{
	return (policy_rule_where(rule) & peer->where) != 0;
}

/* A group that is not known is in none; see policy_match(). */
static bool is_from_cgroup(const struct policy_rule *rule, const struct peer *peer)
{
	return !rule->cgroup || peer->unseen || (peer->cgroup && control_group_is_in(peer->cgroup, rule->cgroup));
}

/* Whoever has the names now may be somebody else than is known. */
static bool may_change(const struct policy_rule *rule, const struct peer *peer)
{
	if (rule->user && rule->user_number.fixed && rule->user_number.id != peer->uid)
		return false;
	if (rule->group && rule->group_number.fixed && !in_group(peer, rule->group_number.id))
		return false;
	return (rule->user && !rule->user_number.fixed) || (rule->group && !rule->group_number.fixed);
}

bool policy_depends_on_names(const struct config *c, const struct peer *peer)
{
	for (size_t i = 0; i < c->n_policy; i++) {
		if (may_change(&c->policy[i], peer))
			return true;
		if (names(&c->policy[i], peer) && is_from_where(&c->policy[i], peer) &&
		    is_from_cgroup(&c->policy[i], peer))
			return false;
	}
	return false;
}

/* Whoever hides his control group comes to no rule behind one that might have been his. */
const struct policy_rule *policy_match(const struct config *c, const struct peer *peer)
{
	for (size_t i = 0; i < c->n_policy; i++) {
		const struct policy_rule *rule = &c->policy[i];

		if (!names(rule, peer) || !is_from_where(rule, peer))
			continue;
		if (is_from_cgroup(rule, peer))
			return rule;
		if (!peer->cgroup)
			return NULL;
	}
	return NULL;
}

bool policy_is_owner(const struct config *c, const struct peer *peer, uid_t owner)
{
	struct peer at_home = *peer;
	const struct policy_rule *rule;

	if (peer->uid != owner)
		return false;
	if (peer->where == WHERE_HOST)
		return true;
	at_home.where = WHERE_HOST;
	rule = policy_match(c, &at_home);
	return rule ? is_from_where(rule, peer) : policy_match(c, peer) != NULL;
}

bool policy_depends_on_groups(const struct config *c)
{
	for (size_t i = 0; i < c->n_policy; i++)
		if (c->policy[i].group)
			return true;
	return false;
}

void policy_place_owner(const struct config *c, struct peer *owner)
{
	owner->unseen = true;
	owner->where = WHERE_HOST;
	if (policy_match(c, owner))
		return;
	owner->where = WHERE_CONTAINER;
	if (!policy_match(c, owner))
		owner->where = WHERE_HOST;
}

const struct policy_rule *policy_passed_over(const struct config *c, const struct peer *peer,
					     const struct policy_rule *end)
{
	for (size_t i = 0; i < c->n_policy && &c->policy[i] != end; i++)
		if (names(&c->policy[i], peer) &&
		    !(is_from_where(&c->policy[i], peer) && is_from_cgroup(&c->policy[i], peer)))
			return &c->policy[i];
	return NULL;
}
