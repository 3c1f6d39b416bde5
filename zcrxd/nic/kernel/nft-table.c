/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the guard's table as the kernel has it: where its chain hangs, which sets it has, what it
 * has counted, and whose it is. What it is made of is in nft-rules.c and nft-flows.c.
 */
#include <linux/netfilter/nf_tables.h>

#include "nft.h"
#include "nft-table.h"

static struct nl_msg *request(uint8_t type, int table_attribute, const struct nft_table *c,
			      int more_attribute, const char *more)
{
	_cleanup_nl_msg_ struct nl_msg *m = nft_request(type);

	if (!m || nla_put_string(m, table_attribute, c->table) < 0 ||
	    (more && nla_put_string(m, more_attribute, more) < 0))
		return NULL;
	return TAKE_PTR(m);
}

static bool is_hook(struct nlattr *hook, const struct nft_table *c)
{
	struct nlattr *tb[NFTA_HOOK_MAX + 1], *device;
	char name[IFNAMSIZ];
	bool found = false;
	int rem;

	if (!hook || netlink_parse_nested(hook, tb, NFTA_HOOK_MAX) < 0 || !tb[NFTA_HOOK_DEVS] ||
	    nft_u32(tb[NFTA_HOOK_PRIORITY], 0) != (uint32_t)NFT_TABLE_PRIORITY)
		return false;
	/* A device that is renamed loses its hook, and the name stays here (Linux 6.16). */
	nla_for_each_nested(device, tb[NFTA_HOOK_DEVS], rem)
	{
		if (!attr_string(device, name, sizeof(name)) || !streq(name, c->ifname))
			return false;
		found = true;
	}
	return found;
}

static int read_chain(const struct nlmsghdr *m, void *userdata)
{
	struct nlattr *tb[NFTA_CHAIN_MAX + 1];
	struct nft_table *c = userdata;
	int r = nft_parse(m, NFT_MSG_NEWCHAIN, tb, NFTA_CHAIN_MAX);

	if (r >= 0)
		c->hooked = is_hook(tb[NFTA_CHAIN_HOOK], c);
	return r == -ENODATA ? 0 : r;
}

static int read_set(const struct nlmsghdr *m, void *userdata)
{
	struct nlattr *tb[NFTA_SET_MAX + 1];
	struct nft_table *c = userdata;
	char table[32], (*sets)[32];
	int r = nft_parse(m, NFT_MSG_NEWSET, tb, NFTA_SET_MAX);

	if (r < 0 || !attr_string(tb[NFTA_SET_TABLE], table, sizeof(table)) ||
	    !streq(table, c->table))
		return r == -ENODATA ? 0 : r;
	sets = reallocarray(c->sets, c->n_sets + 1, sizeof(*sets));
	if (!sets)
		return -ENOMEM;
	c->sets = sets;
	if (attr_string(tb[NFTA_SET_NAME], sets[c->n_sets], sizeof(*sets)))
		c->n_sets++;
	return 0;
}

static void forget_sets(void *userdata)
{
	((struct nft_table *)userdata)->n_sets = 0;
}

static bool find_counter(struct nlattr *expressions, struct nft_count *ret)
{
	struct nlattr *tb[NFTA_EXPR_MAX + 1], *values[NFTA_COUNTER_MAX + 1], *e;
	char name[16];
	int rem;

	nla_for_each_nested(e, expressions, rem)
	{
		if (netlink_parse_nested(e, tb, NFTA_EXPR_MAX) < 0 ||
		    !attr_string(tb[NFTA_EXPR_NAME], name, sizeof(name)) ||
		    !streq(name, "counter") || !tb[NFTA_EXPR_DATA] ||
		    netlink_parse_nested(tb[NFTA_EXPR_DATA], values, NFTA_COUNTER_MAX) < 0)
			continue;
		*ret = (struct nft_count) { nft_u64(values[NFTA_COUNTER_PACKETS], 0),
					    nft_u64(values[NFTA_COUNTER_BYTES], 0) };
		return true;
	}
	return false;
}

static int read_rule(const struct nlmsghdr *m, void *userdata)
{
	struct nlattr *tb[NFTA_RULE_MAX + 1];
	struct nft_table *c = userdata;
	char table[32];
	int r = nft_parse(m, NFT_MSG_NEWRULE, tb, NFTA_RULE_MAX);

	if (r < 0 || !attr_string(tb[NFTA_RULE_TABLE], table, sizeof(table)) ||
	    !streq(table, c->table) || !tb[NFTA_RULE_EXPRESSIONS])
		return r == -ENODATA ? 0 : r;
	if (c->n_rules < NFT_TABLE_COUNTERS &&
	    find_counter(tb[NFTA_RULE_EXPRESSIONS], &c->counters[c->n_rules]))
		c->n_rules++;
	return 0;
}

static void forget_rules(void *userdata)
{
	struct nft_table *c = userdata;

	c->n_rules = 0;
	memset(c->counters, 0, sizeof(c->counters));
}

int nft_table_read_counters(struct netlink *nl, struct nft_table *c)
{
	int r = netlink_dump(nl,
			     request(NFT_MSG_GETRULE, NFTA_RULE_TABLE, c, NFTA_RULE_CHAIN, "act"),
			     read_rule, forget_rules, c);

	return r == -ENOENT ? 0 : r;
}

int nft_table_read(struct netlink *nl, struct nft_table *c)
{
	int r = netlink_call(
		nl, request(NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, c, NFTA_CHAIN_NAME, "ingress"),
		read_chain, c);

	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = netlink_dump(nl, request(NFT_MSG_GETSET, NFTA_SET_TABLE, c, 0, NULL), read_set,
				 forget_sets, c);
	return r < 0 ? r : nft_table_read_counters(nl, c);
}

static int read_owner(const struct nlmsghdr *m, void *userdata)
{
	struct nlattr *tb[NFTA_TABLE_MAX + 1];
	int r = nft_parse(m, NFT_MSG_NEWTABLE, tb, NFTA_TABLE_MAX);

	if (r >= 0)
		*(uint32_t *)userdata = nft_u32(tb[NFTA_TABLE_OWNER], 0);
	return r == -ENODATA ? 0 : r;
}

int nft_table_is_kept(struct netlink *nl, struct nft_table *c, bool *ret)
{
	uint32_t owner = 0;
	int r = netlink_call(nl, request(NFT_MSG_GETTABLE, NFTA_TABLE_NAME, c, 0, NULL), read_owner,
			     &owner);

	if (r >= 0)
		r = netlink_call(
			nl,
			request(NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, c, NFTA_CHAIN_NAME, "ingress"),
			read_chain, c);
	if (r < 0 && r != -ENOENT)
		return r;
	/* Of a table that is ours nobody else can have changed anything. */
	*ret = r >= 0 && owner == c->portid && c->hooked;
	return 0;
}

void nft_table_done(struct nft_table *c)
{
	free(c->sets);
	*c = (struct nft_table) {};
}
