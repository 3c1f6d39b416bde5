/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See policy.h. Decides and explains; counts and remembers nothing. Which rule it is, policy-match.c says.
 */
#include "control-group.h"
#include "policy.h"
#include "policy-match.h"

/* "line 12 (group zcrx)"; NULL if there is no memory for it. */
static char *describe(const struct policy_rule *rule)
{
	char *s;
	int r;

	if (rule->line == 0)
		r = asprintf(&s, "the default (user %s)", rule->user ?: "anybody");
	else if (rule->user && rule->group)
		r = asprintf(&s, "line %u (user %s in group %s)", rule->line, rule->user,
			     rule->group);
	else if (rule->user || rule->group)
		r = asprintf(&s, "line %u (%s %s)", rule->line, rule->user ? "user" : "group",
			     rule->user ?: rule->group);
	else
		r = asprintf(&s, "line %u (everybody)", rule->line);
	return r < 0 ? NULL : s;
}

/* "another network and user namespace than zcrxd's" */
static char *describe_foreign(const struct peer *peer)
{
	static const char *const words[] = {
		[NAMESPACE_NETWORK] = "network",
		[NAMESPACE_USER] = "user",
		[NAMESPACE_PROCESS] = "process",
	};
	const char *list[_NAMESPACE_MAX];
	size_t n = 0;
	char *s;
	int r;

	for (int i = 0; i < _NAMESPACE_MAX; i++)
		if (peer->foreign[i])
			list[n++] = words[i];
	if (n == 0)
		r = asprintf(&s, "none but zcrxd's own namespaces");
	else
		r = asprintf(&s, "another %s%s%s%s%s namespace than zcrxd's", list[0],
			     n > 2 ? ", " : "", n > 2 ? list[1] : "", n > 1 ? " and " : "",
			     n > 1 ? list[n - 1] : "");
	return r < 0 ? NULL : s;
}

static int explain_cgroup(const struct policy_rule *rule, const struct peer *peer, const char *words, char **ret)
{
	_cleanup_free_ char *shown = NULL;
	int r = peer->cgroup ? control_group_show(peer->cgroup, &shown) : 0;

	if (r < 0)
		return r;
	if (!shown)
		return asprintf(ret, " The rule at %s is for the control group %s, and that of this process is not known: "
				     "it is gone, or has none in the unified hierarchy.", words, rule->cgroup);
	return asprintf(ret, " The rule at %s is for the control group %s, and this process is in %s.", words,
			rule->cgroup, shown);
}

/* "", or why the rule that names the peer has been passed over: which predicate, and what it saw. */
static char *explain_where(const struct config *c, const struct peer *peer,
			   const struct policy_rule *end)
{
	const struct policy_rule *rule = policy_passed_over(c, peer, end);
	_cleanup_free_ char *words = NULL, *seen = NULL;
	char *s;
	int r;

	if (!rule)
		return strdup("");
	words = describe(rule);
	seen = describe_foreign(peer);
	if (!words || !seen)
		return NULL;
	if ((policy_rule_where(rule) & peer->where) != 0)
		r = explain_cgroup(rule, peer, words, &s);
	else if (policy_rule_where(rule) == WHERE_HOST)
		r = asprintf(&s, " The rule at %s is for processes of the host (where: host), and this "
				 "process is in %s.", words, seen);
	else if (peer->where == WHERE_HOST)
		r = asprintf(&s, " The rule at %s is for containers (where: container), and this "
				 "process is in %s.", words, seen);
	else
		r = asprintf(&s, " The rule at %s takes no uid that another user's namespace has given "
				 "out (where: any would), and this process is in %s.", words, seen);
	return r < 0 ? NULL : s;
}

/* "", or that the names of a rule are nobody's: it may be the caller whom it means. */
static char *explain_unknown(const struct config *c)
{
	const struct policy_rule *rule = NULL;
	_cleanup_free_ char *words = NULL;
	size_t n = 0;
	char *s;

	for (size_t i = c->n_policy; i-- > 0;) {
		const struct policy_rule *one = &c->policy[i];

		if ((!one->user || one->user_number.known) && (!one->group || one->group_number.known))
			continue;
		rule = one;
		n++;
	}
	if (!rule)
		return strdup("");
	words = describe(rule);
	if (!words)
		return NULL;
	if (asprintf(&s, " The rule at %s%s for an account that does not exist now; when it does, the rule "
			 "holds without a reload.", words, n > 1 ? " and others are each" : " is") < 0)
		return NULL;
	return s;
}

#define ASK "ask an administrator to change the policy in the configuration"

/* The deciding rule, or PERMISSION_DENIED. */
static int decide(const struct config *c, const struct peer *peer, const char *what,
		  const struct policy_rule **ret, struct fault *reterr)
{
	_cleanup_free_ char *passed = NULL, *unknown = NULL;
	const struct policy_rule *rule = policy_match(c, peer);

	if (!rule) {
		passed = explain_where(c, peer, NULL);
		unknown = explain_unknown(c);
		return fault_set(reterr, ZCRX_PERMISSION_DENIED, "no rule",
				 "No rule of the policy lets uid %u %s; " ASK ".%s%s",
				 (unsigned)peer->uid, what, passed ?: "", unknown ?: "");
	}
	*ret = rule;
	return 0;
}

static bool interface_allowed(const struct policy_rule *rule, const struct interface_names *interface)
{
	if (!rule->interfaces)
		return true;
	for (char **i = rule->interfaces; *i; i++)
		if (interface_is_meant(interface, *i))
			return true;
	return false;
}

static int quota(const struct policy_rule *rule, const char *key, const char *unit, uint64_t used,
		 uint64_t asked, uint64_t limit, struct fault *reterr)
{
	_cleanup_free_ char *words = NULL;

	/* In this order nothing can overflow. */
	if (used <= limit && asked <= limit - used)
		return 0;
	words = describe(rule);
	return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, key,
			 "This user holds %ju %s and asks for %ju more, but the policy's rule at "
			 "%s sets %s to %ju; release something, or " ASK ".",
			 (uintmax_t)used, unit, (uintmax_t)asked, words ?: "?", key,
			 (uintmax_t)limit);
}

int policy_check_acquire(const struct config *c, const struct peer *peer,
			 const struct interface_names *interface, unsigned queues,
			 const struct policy_usage *usage, struct fault *reterr)
{
	const struct policy_rule *rule = NULL;
	int r;

	r = decide(c, peer, "lease queues", &rule, reterr);
	if (r != 0)
		return r;
	if (!interface_allowed(rule, interface)) {
		_cleanup_free_ char *words = describe(rule);

		return fault_set(reterr, ZCRX_PERMISSION_DENIED, words,
				 "The policy's rule at %s does not list interface %s; " ASK ".",
				 words ?: "?", interface->name);
	}
	return quota(rule, "max-queues", "queues", usage->queues, queues, rule->max_queues, reterr);
}

int policy_check_area(const struct config *c, const struct peer *peer, uint64_t size,
		      const struct policy_usage *usage, bool *ret_limited, struct fault *reterr)
{
	const struct policy_rule *rule = NULL;
	int r;

	r = decide(c, peer, "register memory", &rule, reterr);
	if (r != 0)
		return r;
	*ret_limited = rule->max_area != POLICY_UNLIMITED;
	return quota(rule, "max-area", "bytes of area", usage->area, size, rule->max_area, reterr);
}

uint64_t policy_max_queues(const struct config *c, const struct peer *peer)
{
	const struct policy_rule *rule = policy_match(c, peer);

	return rule ? rule->max_queues : POLICY_UNLIMITED;
}

uint64_t policy_max_area(const struct config *c, const struct peer *peer)
{
	const struct policy_rule *rule = policy_match(c, peer);

	return rule ? rule->max_area : POLICY_UNLIMITED;
}

int policy_check_flows(const struct config *c, const struct peer *peer, uint64_t n,
		       const struct policy_usage *usage, uint64_t *ret_limit, struct fault *reterr)
{
	const struct policy_rule *rule = NULL;
	int r;

	r = decide(c, peer, "steer flows", &rule, reterr);
	if (r != 0)
		return r;
	*ret_limit = rule->max_flows;
	return quota(rule, "max-flows", "flows", usage->flows, n, rule->max_flows, reterr);
}

bool policy_administers(const struct config *c, const struct peer *peer)
{
	const struct policy_rule *rule = policy_match(c, peer);

	return rule && rule->administer;
}

static bool lists_address(const struct policy_flow *entry, const struct flow *flow)
{
	const struct flow_address *list =
		flow->protocol == FLOW_TCP4 ? entry->addresses4 : entry->addresses6;
	size_t n = flow->protocol == FLOW_TCP4 ? entry->n_addresses4 : entry->n_addresses6;

	if (entry->n_addresses4 == 0 && entry->n_addresses6 == 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		struct flow allowed = { .protocol = flow->protocol, .destination = list[i] };

		if (flow_covers(&allowed, flow))
			return true;
	}
	return false;
}

/* A flow without a port is all ports: only an entry without ports lists it. */
static bool lists_port(const struct policy_flow *entry, const struct flow *flow)
{
	return entry->port_first == 0 || (flow->destination_port >= entry->port_first &&
					  flow->destination_port <= entry->port_last);
}

static bool lists_flow(const struct policy_rule *rule, const struct flow *flow)
{
	for (size_t i = 0; i < rule->n_flow_list; i++)
		if (lists_port(&rule->flow_list[i], flow) &&
		    lists_address(&rule->flow_list[i], flow))
			return true;
	return false;
}

int policy_check_flow(const struct config *c, const struct peer *peer, const struct flow *flow,
		      struct fault *reterr)
{
	_cleanup_free_ char *words = NULL, *text = NULL;
	const struct policy_rule *rule = NULL;
	int r;

	r = decide(c, peer, "steer flows", &rule, reterr);
	if (r != 0)
		return r;
	if (rule->flows == POLICY_FLOWS_ANY)
		return 0;
	if (rule->flows == POLICY_FLOWS_LIST && lists_flow(rule, flow))
		return 0;
	r = flow_format(flow, &text);
	if (r < 0)
		return r;
	words = describe(rule);
	return fault_set(
		reterr, ZCRX_FLOW_NOT_PROVED, NULL,
		"The policy's rule at %s does not let this user name %s by value; send the "
		"socket that receives it, or " ASK ".",
		words ?: "?", text);
}

int policy_check_tune(const struct config *c, const struct peer *peer, struct fault *reterr)
{
	static const char what[] = "set how queues are polled";
	_cleanup_free_ char *words = NULL;
	const struct policy_rule *rule = NULL;
	int r;

	r = decide(c, peer, what, &rule, reterr);
	if (r != 0 || rule->tune || rule->administer)
		return r;
	words = describe(rule);
	return fault_set(reterr, ZCRX_PERMISSION_DENIED, words,
			 "The policy's rule at %s does not let this user %s (tune: true would); " ASK ".",
			 words ?: "?", what);
}

int policy_check_cpus(const struct config *c, const struct peer *peer, const struct cpus *asked,
		      const struct cpus *own, struct fault *reterr)
{
	const struct policy_rule *rule = policy_match(c, peer);

	if ((rule && rule->administer) || cpus_contain(own, asked))
		return 0;
	return fault_set(reterr, ZCRX_PERMISSION_DENIED, "irqAffinity",
			 "An interrupt may only go to CPUs on which the process that asks may run "
			 "itself (taskset -cp PID tells); some of these are not among them.");
}

int policy_check_administer(const struct config *c, const struct peer *peer, const char *what,
			    struct fault *reterr)
{
	_cleanup_free_ char *words = NULL, *passed = NULL;
	const struct policy_rule *rule = NULL;
	int r;

	r = decide(c, peer, what, &rule, reterr);
	if (r != 0 || rule->administer)
		return r;
	words = describe(rule);
	passed = explain_where(c, peer, rule);
	return fault_set(reterr, ZCRX_PERMISSION_DENIED, words,
			 "Only administrators may %s, and the policy's rule at %s makes none of "
			 "this user; " ASK ".%s",
			 what, words ?: "?", passed ?: "");
}

uint64_t policy_lease_time(const struct config *c, const struct peer *peer, uint64_t asked)
{
	const struct policy_rule *rule = policy_match(c, peer);

	if (!rule)
		return 0;
	return asked < rule->max_lease_time ? asked : rule->max_lease_time;
}
