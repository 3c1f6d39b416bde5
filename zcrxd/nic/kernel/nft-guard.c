/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See nft-guard.h. Two things make TCP read payload that lies in a client's memory, out of the CPU's
 * reach, and the kernel panics: the urgent byte (tcp_urg() calls BUG()), and signatures over the payload
 * (TCP MD5 and TCP-AO). So segments of steered flows are looked at before TCP, at the ingress of the
 * NIC, where headers are in ordinary memory: urgent ones lose the flag, so that their byte arrives in
 * its place like every other one (RFC 6093; a segment that is dropped would come again and again, and
 * hold up its connection until it times out), signed ones are dropped.
 *
 *     table netdev zcrxd-IFINDEX
 *         chain ingress: goto steered for TCP segments with URG or one of the options; nothing else costs
 *         chain steered: goto act for those of the flows, one lookup for each kind of key
 *         chain act: count, and drop or clear
 *
 * The chain on the NIC stays while what it leads to is replaced: a packet sees all of the old or all of
 * the new. (Of two chains on one hook it could see neither: the kernel asks each by itself which of its
 * generations is the valid one.)
 */
#include <netinet/in.h>

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "nft-guard.h"
#include "nft.h"

#define TABLE_PREFIX "zcrxd-"
/* Before whoever else looks, so that the flow is the NIC's. When the rules of `ingress` or `act` change
 * their shape, this grows by one: then the new chain comes after the old one, and see above. */
#define PRIORITY (-500)
#define N_COUNTERS 3
#define ELEMENTS_A_MESSAGE 256

enum { TCP_OPTION_MD5 = 19, TCP_OPTION_AO = 29 };
enum { TCP_FLAGS = 13, TCP_URG = 0x20 }; /* the byte's offset; the bit in it */

/* nft's numbers for the types of a key (its datatype.h), so that `nft list` can print the sets. */
enum { TYPE_IPADDR = 7, TYPE_IP6ADDR = 8, TYPE_INET_SERVICE = 13, TYPE_BITS = 6 };

struct counter {
	uint64_t packets, bytes;
};

/* What is there. */
struct current {
	char table[32];
	const char *ifname;
	uint32_t portid; /* ours */
	bool hooked;
	char (*sets)[32];
	size_t n_sets;
	struct counter counters[N_COUNTERS];
	size_t n_rules;
};

static void current_done(struct current *c)
{
	free(c->sets);
}

/* ------------------------------------------------------------------- reading what is there */

static struct nl_msg *request(uint8_t type, int table_attribute, const struct current *c,
			      int more_attribute, const char *more)
{
	_cleanup_nl_msg_ struct nl_msg *m = nft_request(type);

	if (!m || nla_put_string(m, table_attribute, c->table) < 0 ||
	    (more && nla_put_string(m, more_attribute, more) < 0))
		return NULL;
	return TAKE_PTR(m);
}

static bool is_hook(struct nlattr *hook, const struct current *c)
{
	struct nlattr *tb[NFTA_HOOK_MAX + 1], *device;
	char name[IFNAMSIZ];
	bool found = false;
	int rem;

	if (!hook || netlink_parse_nested(hook, tb, NFTA_HOOK_MAX) < 0 || !tb[NFTA_HOOK_DEVS] ||
	    nft_u32(tb[NFTA_HOOK_PRIORITY], 0) != (uint32_t)PRIORITY)
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
	struct current *c = userdata;
	int r = nft_parse(m, NFT_MSG_NEWCHAIN, tb, NFTA_CHAIN_MAX);

	if (r >= 0)
		c->hooked = is_hook(tb[NFTA_CHAIN_HOOK], c);
	return r == -ENODATA ? 0 : r;
}

static int read_set(const struct nlmsghdr *m, void *userdata)
{
	struct nlattr *tb[NFTA_SET_MAX + 1];
	struct current *c = userdata;
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
	((struct current *)userdata)->n_sets = 0;
}

static bool find_counter(struct nlattr *expressions, struct counter *ret)
{
	struct nlattr *tb[NFTA_EXPR_MAX + 1], *values[NFTA_COUNTER_MAX + 1], *e;
	char name[16];
	int rem;

	nla_for_each_nested(e, expressions, rem)
	{
		if (netlink_parse_nested(e, tb, NFTA_EXPR_MAX) < 0 ||
		    !attr_string(tb[NFTA_EXPR_NAME], name, sizeof(name)) || !streq(name, "counter") ||
		    !tb[NFTA_EXPR_DATA] ||
		    netlink_parse_nested(tb[NFTA_EXPR_DATA], values, NFTA_COUNTER_MAX) < 0)
			continue;
		*ret = (struct counter) { nft_u64(values[NFTA_COUNTER_PACKETS], 0),
					  nft_u64(values[NFTA_COUNTER_BYTES], 0) };
		return true;
	}
	return false;
}

static int read_rule(const struct nlmsghdr *m, void *userdata)
{
	struct nlattr *tb[NFTA_RULE_MAX + 1];
	struct current *c = userdata;
	char table[32];
	int r = nft_parse(m, NFT_MSG_NEWRULE, tb, NFTA_RULE_MAX);

	if (r < 0 || !attr_string(tb[NFTA_RULE_TABLE], table, sizeof(table)) ||
	    !streq(table, c->table) || !tb[NFTA_RULE_EXPRESSIONS])
		return r == -ENODATA ? 0 : r;
	if (c->n_rules < N_COUNTERS &&
	    find_counter(tb[NFTA_RULE_EXPRESSIONS], &c->counters[c->n_rules]))
		c->n_rules++;
	return 0;
}

static void forget_rules(void *userdata)
{
	struct current *c = userdata;

	c->n_rules = 0;
	memset(c->counters, 0, sizeof(c->counters));
}

static int read_counters(struct nft_guard *g, struct current *c)
{
	int r = netlink_dump(&g->nl,
			     request(NFT_MSG_GETRULE, NFTA_RULE_TABLE, c, NFTA_RULE_CHAIN, "act"),
			     read_rule, forget_rules, c);

	return r == -ENOENT ? 0 : r;
}

static int open_socket(struct nft_guard *g)
{
	return g->nl.socket ? 0 : netlink_open(&g->nl, NETLINK_NETFILTER);
}

static int begin(struct nft_guard *g, const char *ifname, struct current *ret)
{
	int r = open_socket(g);

	if (r < 0)
		return r;
	*ret = (struct current) { .ifname = ifname, .portid = nl_socket_get_local_port(g->nl.socket) };
	snprintf(ret->table, sizeof(ret->table), TABLE_PREFIX "%u", g->ifindex);
	return 0;
}

static int read_current(struct nft_guard *g, struct current *c)
{
	int r = netlink_call(&g->nl,
			     request(NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, c, NFTA_CHAIN_NAME, "ingress"),
			     read_chain, c);

	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = netlink_dump(&g->nl, request(NFT_MSG_GETSET, NFTA_SET_TABLE, c, 0, NULL), read_set,
				 forget_sets, c);
	return r < 0 ? r : read_counters(g, c);
}

/* ------------------------------------------------------------------------- the fixed part */

static void put_table(struct nft_batch *b, uint8_t type, const struct current *c)
{
	bool creates = type == NFT_MSG_NEWTABLE;

	nft_start(b, type, creates ? NLM_F_CREATE : 0);
	nft_put_string(b, NFTA_TABLE_NAME, c->table);
	/* An orphan of ours is taken over by this; a table that is somebody's is refused (EPERM). */
	if (creates)
		nft_put_u32(b, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST);
	nft_end(b);
}

static void put_chain(struct nft_batch *b, const struct current *c, const char *name, bool base)
{
	struct nlattr *hook;

	nft_start(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nft_put_string(b, NFTA_CHAIN_TABLE, c->table);
	nft_put_string(b, NFTA_CHAIN_NAME, name);
	if (base) {
		hook = nft_nest(b, NFTA_CHAIN_HOOK);
		nft_put_u32(b, NFTA_HOOK_HOOKNUM, NF_NETDEV_INGRESS);
		nft_put_u32(b, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
		nft_put_string(b, NFTA_HOOK_DEV, c->ifname);
		nft_nest_end(b, hook);
		nft_put_string(b, NFTA_CHAIN_TYPE, "filter");
		nft_put_u32(b, NFTA_CHAIN_POLICY, NF_ACCEPT);
	}
	nft_end(b);
}

static void flush_chain(struct nft_batch *b, const struct current *c, const char *name)
{
	nft_start(b, NFT_MSG_DELRULE, 0);
	nft_put_string(b, NFTA_RULE_TABLE, c->table);
	nft_put_string(b, NFTA_RULE_CHAIN, name);
	nft_end(b);
}

static void match_urgent(struct nft_batch *b)
{
	const uint8_t mask = TCP_URG, none = 0;

	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, 1, NFT_REGISTER(0));
	nft_mask(b, NFT_REGISTER(0), &mask, 1);
	nft_compare(b, NFT_REGISTER(0), false, &none, 1);
}

static void match_option(struct nft_batch *b, uint8_t kind)
{
	const uint8_t yes = 1;

	nft_tcp_option(b, kind, NFT_REGISTER(0));
	nft_compare(b, NFT_REGISTER(0), true, &yes, 1);
}

static void match_tcp(struct nft_batch *b)
{
	const uint8_t tcp = IPPROTO_TCP;

	nft_meta(b, NFT_META_L4PROTO, NFT_REGISTER(0));
	nft_compare(b, NFT_REGISTER(0), true, &tcp, 1);
}

static void put_ingress(struct nft_batch *b, const struct current *c)
{
	static const uint8_t kinds[] = { 0, TCP_OPTION_MD5, TCP_OPTION_AO };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		nft_rule(b, c->table, "ingress");
		match_tcp(b);
		if (kinds[i] > 0)
			match_option(b, kinds[i]);
		else
			match_urgent(b);
		nft_verdict(b, NFT_GOTO, "steered");
		nft_rule_end(b);
	}
}

/* The flag in its 16 bits of the header: a checksum is over words. */
static void clear_urgent(struct nft_batch *b)
{
	static const uint8_t mask[] = { 0xff, (uint8_t)~TCP_URG };

	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS - 1, 2, NFT_REGISTER(0));
	nft_mask(b, NFT_REGISTER(0), mask, 2);
	nft_store_tcp(b, TCP_FLAGS - 1, 2, NFT_REGISTER(0));
}

/* The first N_COUNTERS rules count; they go on from what was counted. */
static void put_act(struct nft_batch *b, const struct current *c)
{
	static const uint8_t kinds[] = { TCP_OPTION_MD5, TCP_OPTION_AO };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		nft_rule(b, c->table, "act");
		match_option(b, kinds[i]);
		nft_counter(b, c->counters[i].packets, c->counters[i].bytes);
		nft_verdict(b, NF_DROP, NULL);
		nft_rule_end(b);
	}
	nft_rule(b, c->table, "act");
	nft_counter(b, c->counters[2].packets, c->counters[2].bytes);
	clear_urgent(b);
	nft_rule_end(b);
	/* There was no memory for it, or the header is in pieces. */
	nft_rule(b, c->table, "act");
	match_urgent(b);
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
}

/* -------------------------------------------------------------------------- flows to sets */

static bool same_shape(const struct flow *a, const struct flow *b)
{
	return a->protocol == b->protocol && a->source.prefix == b->source.prefix &&
	       a->destination.prefix == b->destination.prefix && !a->source_port == !b->source_port &&
	       !a->destination_port == !b->destination_port;
}

/* A key as the registers have it: each field begins a new one of four bytes. */
struct key {
	uint8_t bytes[2 * 16 + 2 * 4];
	uint32_t length;
	uint32_t type;
};

static void key_add(struct key *k, uint32_t type, const void *field, uint32_t length)
{
	memcpy(k->bytes + k->length, field, length);
	k->length += (length + 3) / 4 * 4;
	k->type = k->type << TYPE_BITS | type;
}

static struct key make_key(const struct flow *f)
{
	const uint8_t source[] = { (uint8_t)(f->source_port >> 8), (uint8_t)f->source_port };
	const uint8_t destination[] = { (uint8_t)(f->destination_port >> 8),
					(uint8_t)f->destination_port };
	uint32_t length = flow_address_bits(f->protocol) / 8;
	uint32_t type = f->protocol == FLOW_TCP4 ? TYPE_IPADDR : TYPE_IP6ADDR;
	struct key k = {};

	if (f->source.prefix > 0)
		key_add(&k, type, f->source.bytes, length);
	if (f->destination.prefix > 0)
		key_add(&k, type, f->destination.bytes, length);
	if (f->source_port > 0)
		key_add(&k, TYPE_INET_SERVICE, source, sizeof(source));
	if (f->destination_port > 0)
		key_add(&k, TYPE_INET_SERVICE, destination, sizeof(destination));
	return k;
}

static void load_address(struct nft_batch *b, const struct flow *f, bool source, uint32_t *reg)
{
	const struct flow_address *a = source ? &f->source : &f->destination;
	uint32_t bits = flow_address_bits(f->protocol), length = bits / 8, offset;
	uint8_t mask[16] = {};

	if (a->prefix == 0)
		return;
	/* Of the IP header: where the addresses begin, and the source comes first. */
	offset = (f->protocol == FLOW_TCP4 ? 12 : 8) + (source ? 0 : length);
	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, offset, length, NFT_REGISTER(*reg));
	for (unsigned bit = 0; bit < a->prefix && bit < bits; bit++)
		mask[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	if (a->prefix < bits)
		nft_mask(b, NFT_REGISTER(*reg), mask, length);
	*reg += length / 4;
}

/* The same fields in the same order as in make_key(). */
static void load_key(struct nft_batch *b, const struct flow *f)
{
	const uint8_t type[] = { f->protocol == FLOW_TCP4 ? ETH_P_IP >> 8 : ETH_P_IPV6 >> 8,
				 f->protocol == FLOW_TCP4 ? ETH_P_IP & 0xff : ETH_P_IPV6 & 0xff };
	uint32_t reg = 0;

	nft_meta(b, NFT_META_PROTOCOL, NFT_REGISTER(0));
	nft_compare(b, NFT_REGISTER(0), true, type, sizeof(type));
	load_address(b, f, true, &reg);
	load_address(b, f, false, &reg);
	if (f->source_port > 0)
		nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, NFT_REGISTER(reg++));
	if (f->destination_port > 0)
		nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REGISTER(reg++));
}

static void put_set(struct nft_batch *b, const struct current *c, const char *name, uint32_t id,
		    const struct flow *like)
{
	struct key k = make_key(like);

	nft_start(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	nft_put_string(b, NFTA_SET_TABLE, c->table);
	nft_put_string(b, NFTA_SET_NAME, name);
	nft_put_u32(b, NFTA_SET_FLAGS, 0);
	nft_put_u32(b, NFTA_SET_KEY_TYPE, k.type);
	nft_put_u32(b, NFTA_SET_KEY_LEN, k.length);
	nft_put_u32(b, NFTA_SET_ID, id);
	nft_end(b);
}

static void put_element(struct nft_batch *b, const struct flow *f)
{
	struct nlattr *element = nft_nest(b, NFTA_LIST_ELEM), *key = nft_nest(b, NFTA_SET_ELEM_KEY);
	struct key k = make_key(f);

	nft_put(b, NFTA_DATA_VALUE, k.bytes, k.length);
	nft_nest_end(b, key);
	nft_nest_end(b, element);
}

/* Those of `flows` that have the shape of the first, and takes them out of `left`. */
static void put_elements(struct nft_batch *b, const struct current *c, const char *name, uint32_t id,
			 const struct flow *flows, size_t n, bool *done)
{
	struct nlattr *list = NULL;
	size_t in_message = 0;

	for (size_t i = 0; i < n; i++) {
		if (done[i] || !same_shape(&flows[i], &flows[0]))
			continue;
		done[i] = true;
		if (in_message == 0) {
			nft_start(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
			nft_put_string(b, NFTA_SET_ELEM_LIST_TABLE, c->table);
			nft_put_string(b, NFTA_SET_ELEM_LIST_SET, name);
			nft_put_u32(b, NFTA_SET_ELEM_LIST_SET_ID, id);
			list = nft_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
		}
		put_element(b, &flows[i]);
		if (++in_message < ELEMENTS_A_MESSAGE)
			continue;
		nft_nest_end(b, list);
		nft_end(b);
		in_message = 0;
	}
	if (in_message > 0) {
		nft_nest_end(b, list);
		nft_end(b);
	}
}

static int put_flows(struct nft_batch *b, const struct current *c, const struct flow *flows, size_t n)
{
	_cleanup_free_ bool *done = calloc(n + 1, sizeof(*done));
	uint32_t id = 0;

	if (!done)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		char name[16];

		if (done[i])
			continue;
		snprintf(name, sizeof(name), "flows-%u", id);
		put_set(b, c, name, ++id, &flows[i]);
		put_elements(b, c, name, id, flows + i, n - i, done + i);
		nft_rule(b, c->table, "steered");
		load_key(b, &flows[i]);
		nft_lookup(b, NFT_REGISTER(0), name, id);
		nft_verdict(b, NFT_GOTO, "act");
		nft_rule_end(b);
	}
	return 0;
}

/* ---------------------------------------------------------------------------- the whole */

static void delete_sets(struct nft_batch *b, const struct current *c)
{
	for (size_t i = 0; i < c->n_sets; i++) {
		nft_start(b, NFT_MSG_DELSET, 0);
		nft_put_string(b, NFTA_SET_TABLE, c->table);
		nft_put_string(b, NFTA_SET_NAME, c->sets[i]);
		nft_end(b);
	}
}

static void put_base(struct nft_batch *b, const struct current *c)
{
	static const char *const chains[] = { "ingress", "steered", "act" };

	if (!c->hooked)
		put_table(b, NFT_MSG_DESTROYTABLE, c);
	put_table(b, NFT_MSG_NEWTABLE, c);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		if (c->hooked)
			flush_chain(b, c, chains[i]);
		else
			put_chain(b, c, chains[i], i == 0);
	if (c->hooked)
		delete_sets(b, c);
}

static int send_whole(struct nft_guard *g, const struct current *c, const struct flow *flows, size_t n,
		      bool try)
{
	_cleanup_nft_batch_ struct nft_batch b = {};
	int r;

	nft_batch_begin(&b);
	put_base(&b, c);
	r = put_flows(&b, c, flows, n);
	put_ingress(&b, c);
	put_act(&b, c);
	return r < 0 ? r : nft_batch_send(&g->nl, &b, try);
}

static int send_destroy(struct nft_guard *g, const struct current *c)
{
	_cleanup_nft_batch_ struct nft_batch b = {};

	nft_batch_begin(&b);
	put_table(&b, NFT_MSG_DESTROYTABLE, c);
	return nft_batch_send(&g->nl, &b, false);
}

static int set(struct nft_guard *g, const char *ifname, const struct flow *flows, size_t n)
{
	_cleanup_(current_done) struct current c = {};
	int r = begin(g, ifname, &c);

	if (r < 0)
		return r;
	if (n == 0)
		return send_destroy(g, &c);
	r = read_current(g, &c);
	if (r < 0)
		return r;
	r = send_whole(g, &c, flows, n, false);
	if (r >= 0 || !c.hooked || r == -EPERM)
		return r;
	/* While it was nobody's it may have been changed in ways that do not fit. */
	c.hooked = false;
	return send_whole(g, &c, flows, n, false);
}

int nft_guard_set(struct nft_guard *g, const char *ifname, const struct flow *flows, size_t n)
{
	_cleanup_free_ struct flow *copy = calloc(n + 1, sizeof(*copy));
	int r;

	if (!copy)
		return -ENOMEM;
	r = set(g, ifname, flows, n);
	if (r < 0)
		return r;
	if (n > 0)
		memcpy(copy, flows, n * sizeof(*copy));
	free(g->flows);
	g->flows = TAKE_PTR(copy);
	g->n_flows = n;
	return 0;
}

static int read_owner(const struct nlmsghdr *m, void *userdata)
{
	struct nlattr *tb[NFTA_TABLE_MAX + 1];
	int r = nft_parse(m, NFT_MSG_NEWTABLE, tb, NFTA_TABLE_MAX);

	if (r >= 0)
		*(uint32_t *)userdata = nft_u32(tb[NFTA_TABLE_OWNER], 0);
	return r == -ENODATA ? 0 : r;
}

int nft_guard_keep(struct nft_guard *g, const char *ifname, bool *ret_lost)
{
	_cleanup_(current_done) struct current c = {};
	uint32_t owner = 0;
	int r = g->n_flows > 0 ? begin(g, ifname, &c) : 0;

	*ret_lost = false;
	if (r < 0 || g->n_flows == 0)
		return r;
	r = netlink_call(&g->nl, request(NFT_MSG_GETTABLE, NFTA_TABLE_NAME, &c, 0, NULL),
				 read_owner, &owner);
	if (r >= 0)
		r = netlink_call(&g->nl,
				 request(NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, &c, NFTA_CHAIN_NAME,
					 "ingress"),
				 read_chain, &c);
	if (r < 0 && r != -ENOENT)
		return r;
	/* Of a table that is ours nobody else can have changed anything. */
	*ret_lost = r < 0 || owner != c.portid || !c.hooked;
	return *ret_lost ? set(g, ifname, g->flows, g->n_flows) : 0;
}

int nft_guard_count(struct nft_guard *g, uint64_t *ret_urgent, uint64_t *ret_signed)
{
	_cleanup_(current_done) struct current c = {};
	int r = 0;

	if (g->nl.socket) {
		r = begin(g, "", &c);
		if (r >= 0)
			r = read_counters(g, &c);
	}
	if (r < 0)
		return r;
	*ret_signed = c.counters[0].packets + c.counters[1].packets;
	*ret_urgent = c.counters[2].packets;
	return 0;
}

void nft_guard_done(struct nft_guard *g, bool gone)
{
	struct current c = {};

	if (gone && g->nl.socket && begin(g, "", &c) >= 0)
		(void)send_destroy(g, &c);
	netlink_done(&g->nl);
	free(g->flows);
	*g = (struct nft_guard) {};
}

/* --------------------------------------------------------------------------- the machine */

int nft_guard_probe(bool *ret)
{
	static const struct flow flows[] = {
		{ .protocol = FLOW_TCP4, .source = { .prefix = 8 }, .destination = { .prefix = 32 },
		  .source_port = 1, .destination_port = 1 },
		{ .protocol = FLOW_TCP6, .source = { .prefix = 64 }, .destination = { .prefix = 128 },
		  .source_port = 1, .destination_port = 1 },
	};
	struct nft_guard g = {};
	struct current c = {};
	int r = begin(&g, "lo", &c);

	/* The real one, on an interface that is always there, and with an end that never comes. */
	snprintf(c.table, sizeof(c.table), TABLE_PREFIX "probe-%u", c.portid);
	if (r >= 0)
		r = send_whole(&g, &c, flows, ARRAY_SIZE(flows), true);
	nft_guard_done(&g, false);
	if (r == -ENOMEM || r == -EPERM)
		return r;
	*ret = r >= 0;
	return 0;
}

struct tables {
	unsigned *indices;
	size_t n;
};

static int read_table(const struct nlmsghdr *m, void *userdata)
{
	struct nlattr *tb[NFTA_TABLE_MAX + 1];
	struct tables *t = userdata;
	unsigned ifindex, *indices;
	char name[32], end;
	int r = nft_parse(m, NFT_MSG_NEWTABLE, tb, NFTA_TABLE_MAX);

	if (r < 0 || !attr_string(tb[NFTA_TABLE_NAME], name, sizeof(name)) ||
	    sscanf(name, TABLE_PREFIX "%u%c", &ifindex, &end) != 1)
		return r == -ENODATA ? 0 : r;
	indices = reallocarray(t->indices, t->n + 1, sizeof(*indices));
	if (!indices)
		return -ENOMEM;
	t->indices = indices;
	t->indices[t->n++] = ifindex;
	return 0;
}

static void forget_tables(void *userdata)
{
	((struct tables *)userdata)->n = 0;
}

int nft_guard_sweep(bool (*is_needed)(unsigned ifindex, void *userdata), void *userdata)
{
	struct nft_guard g = {};
	struct tables t = {};
	int r = open_socket(&g), failed = 0;

	if (r >= 0)
		r = netlink_dump(&g.nl, nft_request(NFT_MSG_GETTABLE), read_table, forget_tables, &t);
	for (size_t i = 0; r >= 0 && i < t.n; i++) {
		if (is_needed(t.indices[i], userdata))
			continue;
		g.ifindex = t.indices[i];
		failed = nft_guard_set(&g, "", NULL, 0);
	}
	free(t.indices);
	nft_guard_done(&g, false);
	return r < 0 ? r : failed;
}
