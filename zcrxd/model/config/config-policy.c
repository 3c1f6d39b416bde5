/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy: in /etc/zcrxd.yaml. Users and groups stay names here; server/accounts.c looks them up.
 */
#include <ctype.h>

#include "config-reader.h"
#include "control-group.h"
#include "units.h"

#define RULES_MOST   1024
#define NAMES_MOST   256 /* interfaces, flows, addresses of one rule */
#define QUEUES_MOST  65536
#define FLOWS_MOST   1000000
#define ACCOUNT_MOST 255

static int read_account(struct config_reader *r, const struct yaml_node *value, enum account_kind kind,
			char **ret)
{
	const char *what = kind == ACCOUNT_USER ? "the name or number of a user" :
						  "the name or number of a group";

	/* A colon or a slash is in no account's name; here it is most likely another mistake. */
	if (value->kind == YAML_TEXT && strpbrk(value->text, ":/"))
		return config_bad(r, value, "%s%s", what,
				  strchr(value->text, ':') ? " (user: and group: are keys of their own)" : "");
	if (value->kind == YAML_TEXT && (*value->text == '%' || *value->text == '@'))
		return config_bad(r, value, "%s, without the %c that other files put in front of a group",
				  what, *value->text);
	/* Those of a domain have blanks and @ in them. */
	return config_read_words(r, value, what, ACCOUNT_MOST, ret);
}

/* "1000". UINT32_MAX is nobody's: the kernel means "no change" by it. */
static struct policy_number number_in(const char *s)
{
	struct policy_number none = {};
	uint64_t v = 0;

	for (const char *c = s; *c; c++) {
		if (!isdigit((unsigned char)*c) || v >= UINT32_MAX)
			return none;
		v = v * 10 + (uint64_t)(*c - '0');
	}
	if (v >= UINT32_MAX)
		return none;
	return (struct policy_number){ .fixed = true, .known = true, .id = (uint32_t)v };
}

static int read_user(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct policy_rule *rule = into;
	int ret = read_account(r, value, ACCOUNT_USER, &rule->user);

	/* Whatever nss says, and also while it says nothing. */
	if (ret == 0)
		rule->user_number = number_in(streq(rule->user, "root") ? "0" : rule->user);
	return ret;
}

static int read_group(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct policy_rule *rule = into;
	int ret = read_account(r, value, ACCOUNT_GROUP, &rule->group);

	if (ret == 0)
		rule->group_number = number_in(rule->group);
	return ret;
}

static int check_length(struct config_reader *r, const struct yaml_node *value, const char *what,
			size_t most)
{
	if (value->kind != YAML_LIST)
		return config_bad(r, value, "a list of %s", what);
	if (value->n_items == 0)
		return config_bad_found(r, value, "an empty list", "at least one of the %s", what);
	if (value->n_items > most)
		return config_bad_found(r, value, "too many entries", "at most %zu", most);
	return 0;
}

static int read_interface(struct config_reader *r, const struct yaml_node *value, void *into)
{
	return config_read_interface_name(r, value, into);
}

static int read_interfaces(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct policy_rule *rule = into;
	void *items = NULL;
	size_t n = 0;
	int ret;

	ret = check_length(r, value, "interfaces", NAMES_MOST);
	if (ret != 0)
		return ret;
	rule->interfaces = calloc(value->n_items + 1, sizeof(*rule->interfaces));
	if (!rule->interfaces)
		return -ENOMEM;
	ret = config_read_list(r, value, "interfaces", read_interface, sizeof(char *), &items, &n);
	/* Those before a bad one are freed with the rule; the list ends at the first NULL. */
	if (items)
		memcpy(rule->interfaces, items, n * sizeof(char *));
	free(items);
	return ret;
}

static int read_where(struct config_reader *r, const struct yaml_node *value, void *into)
{
	static const char *const words[] = { "host", "container", "any", NULL };
	static const unsigned sets[] = { WHERE_HOST, WHERE_CONTAINER | WHERE_ASSUMED, WHERE_ANY };
	unsigned word;
	int ret;

	ret = config_read_word(r, value, words, &word);
	if (ret == 0)
		((struct policy_rule *)into)->where = sets[word];
	return ret;
}

static int read_cgroup(struct config_reader *r, const struct yaml_node *value, void *into)
{
	static const char what[] = "a control group from the root on, such as /machine.slice/*, which stands for all in it";
	struct policy_rule *rule = into;
	int ret = config_read_words(r, value, what, CONTROL_GROUP_MOST, &rule->cgroup);

	return ret == 0 && !control_group_is_pattern(rule->cgroup) ? config_bad(r, value, "%s", what) : ret;
}

static int read_max_queues(struct config_reader *r, const struct yaml_node *value, void *into)
{
	unsigned v = 0;
	int ret;

	ret = config_read_number(r, value, 0, QUEUES_MOST, &v);
	if (ret == 0)
		((struct policy_rule *)into)->max_queues = v;
	return ret;
}

static int read_max_flows(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct policy_rule *rule = into;
	unsigned v = 0;
	int ret;

	ret = config_read_number(r, value, 0, FLOWS_MOST, &v);
	if (ret == 0) {
		rule->max_flows = v;
		rule->has_max_flows = true;
	}
	return ret;
}

static int read_max_area(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct policy_rule *rule = into;

	if (value->kind != YAML_TEXT || parse_size(value->text, &rule->max_area) < 0 ||
	    rule->max_area == 0 || rule->max_area == POLICY_UNLIMITED)
		return config_bad(r, value, "a size in bytes or like 256M (K, M, G, T)");
	return 0;
}

static int read_max_lease_time(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct policy_rule *rule = into;

	if (value->kind != YAML_TEXT || parse_span(value->text, &rule->max_lease_time) < 0 ||
	    rule->max_lease_time == 0 || rule->max_lease_time == POLICY_UNLIMITED)
		return config_bad(r, value, "a time in seconds or like 30min, 12h, 1d");
	return 0;
}

static int read_tune(struct config_reader *r, const struct yaml_node *value, void *into)
{
	return config_read_bool(r, value, &((struct policy_rule *)into)->tune);
}

static int read_administer(struct config_reader *r, const struct yaml_node *value, void *into)
{
	return config_read_bool(r, value, &((struct policy_rule *)into)->administer);
}

/* "9000" or "9000-9999": 1 to 65535 each, no octal, nothing else. */
static int take_port(const char **s, uint16_t *ret)
{
	unsigned v = 0;

	if (!isdigit((unsigned char)**s) || **s == '0')
		return -EINVAL;
	for (; isdigit((unsigned char)**s); ++*s) {
		v = v * 10 + (unsigned)(**s - '0');
		if (v > UINT16_MAX)
			return -ERANGE;
	}
	*ret = (uint16_t)v;
	return 0;
}

static int read_ports(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct policy_flow *flow = into;
	const char *s = value->text;
	int ret = -EINVAL;

	if (value->kind == YAML_TEXT)
		ret = take_port(&s, &flow->port_first);
	flow->port_last = flow->port_first;
	if (ret == 0 && *s == '-') {
		s++;
		ret = take_port(&s, &flow->port_last);
	}
	if (ret < 0 || *s || flow->port_last < flow->port_first)
		return config_bad(r, value, "a port or a range like 9000-9999, from 1 to 65535");
	return 0;
}

/* One more element; the arrays are small and read once. */
static int append(struct flow_address **list, size_t *n, const struct flow_address *a)
{
	struct flow_address *longer = reallocarray(*list, *n + 1, sizeof(*longer));

	if (!longer)
		return -ENOMEM;
	longer[(*n)++] = *a;
	*list = longer;
	return 0;
}

static int read_address(struct config_reader *r, const struct yaml_node *value,
			struct policy_flow *flow)
{
	_cleanup_fault_ struct fault why = {};
	struct flow_address a;
	bool six = value->kind == YAML_TEXT && strchr(value->text, ':');
	int ret;

	if (value->kind != YAML_TEXT)
		return config_bad(r, value, "an address like 10.0.0.1, 10.0.0.0/24 or fd09::1");
	ret = flow_address_parse(six ? FLOW_TCP6 : FLOW_TCP4, value->text, "addresses", &a, &why);
	if (ret > 0)
		return config_bad(r, value, "an address like 10.0.0.1, 10.0.0.0/24 or fd09::1 (%s)",
				  why.message ?: "not one");
	if (ret < 0)
		return ret;
	return six ? append(&flow->addresses6, &flow->n_addresses6, &a)
		   : append(&flow->addresses4, &flow->n_addresses4, &a);
}

static int read_addresses(struct config_reader *r, const struct yaml_node *value, void *into)
{
	int ret;

	ret = check_length(r, value, "addresses", NAMES_MOST);
	for (size_t i = 0; ret == 0 && i < value->n_items; i++) {
		struct config_path path = { .up = r->path, .index = i };

		r->path = &path;
		ret = read_address(r, &value->items[i], into);
		r->path = path.up;
	}
	return ret;
}

static int read_flow(struct config_reader *r, const struct yaml_node *value, void *into)
{
	static const struct config_key keys[] = {
		{ "ports", read_ports },
		{ "addresses", read_addresses },
	};

	if (value->kind == YAML_MAPPING && value->n_items == 0)
		return config_bad_found(r, value, "neither ports nor addresses",
					"at least one of them (flows: any allows everything)");
	return config_read_mapping(r, value, keys, ARRAY_SIZE(keys), into);
}

static int read_flows(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct policy_rule *rule = into;
	void *items = NULL;
	int ret;

	if (value->kind == YAML_TEXT && streq(value->text, "prove")) {
		rule->flows = POLICY_FLOWS_PROVE;
		return 0;
	}
	if (value->kind == YAML_TEXT && streq(value->text, "any")) {
		rule->flows = POLICY_FLOWS_ANY;
		return 0;
	}
	if (value->kind != YAML_LIST)
		return config_bad(r, value, "prove, any or a list of {ports, addresses}");
	ret = check_length(r, value, "flows", NAMES_MOST);
	if (ret != 0)
		return ret;
	rule->flows = POLICY_FLOWS_LIST;
	ret = config_read_list(r, value, "flows", read_flow, sizeof(*rule->flow_list), &items,
			       &rule->n_flow_list);
	rule->flow_list = items;
	return ret;
}

static int read_rule(struct config_reader *r, const struct yaml_node *value, void *into)
{
	static const struct config_key keys[] = {
		{ "user", read_user },
		{ "group", read_group },
		{ "where", read_where },
		{ "cgroup", read_cgroup },
		{ "interfaces", read_interfaces },
		{ "max-queues", read_max_queues },
		{ "max-area", read_max_area },
		{ "max-flows", read_max_flows },
		{ "max-lease-time", read_max_lease_time },
		{ "flows", read_flows },
		{ "tune", read_tune },
		{ "administer", read_administer },
	};
	struct policy_rule *rule = into;
	int ret;

	rule->line = value->line;
	rule->max_queues = rule->max_area = rule->max_lease_time = POLICY_UNLIMITED;
	/* It would let everybody do everything, and looks like the opposite. */
	if (value->kind == YAML_MAPPING && value->n_items == 0)
		return config_bad_found(r, value, "an empty rule", "at least one key");
	ret = config_read_mapping(r, value, keys, ARRAY_SIZE(keys), rule);
	if (ret == 0 && !rule->has_max_flows)
		rule->max_flows = rule->administer ? POLICY_UNLIMITED : POLICY_MAX_FLOWS;
	return ret;
}

/* Whoever `b` matches, `a` matches before. */
static bool shadows(const struct policy_rule *a, const struct policy_rule *b)
{
	/* Nobody writes a rule for assumed uids alone without saying so. */
	unsigned wanted = policy_rule_where(b) & ~(b->where ? 0U : (unsigned)WHERE_ASSUMED);

	return (!a->user || (b->user && streq(a->user, b->user))) &&
	       (!a->group || (b->group && streq(a->group, b->group))) &&
	       (!a->cgroup || (b->cgroup && streq(a->cgroup, b->cgroup))) &&
	       (wanted & ~policy_rule_where(a)) == 0;
}

static int check_reachable(struct config_reader *r, const struct yaml_node *list,
			   const struct config *c)
{
	for (size_t j = 1; j < c->n_policy; j++)
		for (size_t i = 0; i < j; i++) {
			struct config_path path = { .up = r->path, .index = j };
			struct config_reader at = { .file = r->file,
						    .path = &path,
						    .reterr = r->reterr };

			if (shadows(&c->policy[i], &c->policy[j]))
				return config_bad_found(&at, &list->items[j],
							"a rule that never decides",
							"it before the rule at line %u, which "
							"matches the same users first",
							c->policy[i].line);
		}
	return 0;
}

int config_read_policy(struct config_reader *r, const struct yaml_node *value, void *config)
{
	struct config *c = config;
	void *items = NULL;
	int ret;

	if (value->kind == YAML_LIST && value->n_items > RULES_MOST)
		return config_bad_found(r, value, "too many entries", "at most %u", RULES_MOST);
	ret = config_read_list(r, value, "rules", read_rule, sizeof(*c->policy), &items,
			       &c->n_policy);
	c->policy = items;
	return ret ?: check_reachable(r, value, c);
}

int config_default_policy(struct config *c)
{
	c->policy = calloc(1, sizeof(*c->policy));
	if (!c->policy)
		return -ENOMEM;
	c->n_policy = 1;
	c->policy[0] = (struct policy_rule) {
		.user = strdup("root"),
		.user_number = { .fixed = true, .known = true, .id = 0 },
		.max_queues = POLICY_UNLIMITED,
		.max_area = POLICY_UNLIMITED,
		.max_flows = POLICY_UNLIMITED,
		.max_lease_time = POLICY_UNLIMITED,
		.flows = POLICY_FLOWS_ANY,
		.administer = true,
	};
	return c->policy[0].user ? 0 : -ENOMEM;
}
