/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The part of the guard's table that is the same for all flows: its chains, which segments lead
 * from the NIC to `steered`, and what `act` does to those that are a flow's.
 */
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "nft.h"
#include "nft-table.h"

enum { TCP_OPTION_MD5 = 19, TCP_OPTION_AO = 29 };
enum { TCP_FLAGS = 13, TCP_URGENT_POINTER = 18 }; /* offsets */
enum { TCP_URG = 0x20 };
enum { IP_FRAGMENT = 6 };

void nft_put_table(struct nft_batch *b, uint8_t type, const struct nft_table *c)
{
	bool creates = type == NFT_MSG_NEWTABLE;

	nft_start(b, type, creates ? NLM_F_CREATE : 0);
	nft_put_string(b, NFTA_TABLE_NAME, c->table);
	/* An orphan of ours is taken over by this; a table that is somebody's is refused (EPERM).
	 */
	if (creates)
		nft_put_u32(b, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST);
	nft_end(b);
}

static void put_chain(struct nft_batch *b, const struct nft_table *c, const char *name, bool base)
{
	struct nlattr *hook;

	nft_start(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nft_put_string(b, NFTA_CHAIN_TABLE, c->table);
	nft_put_string(b, NFTA_CHAIN_NAME, name);
	if (base) {
		hook = nft_nest(b, NFTA_CHAIN_HOOK);
		nft_put_u32(b, NFTA_HOOK_HOOKNUM, NF_NETDEV_INGRESS);
		nft_put_u32(b, NFTA_HOOK_PRIORITY, (uint32_t)NFT_TABLE_PRIORITY);
		nft_put_string(b, NFTA_HOOK_DEV, c->ifname);
		nft_nest_end(b, hook);
		nft_put_string(b, NFTA_CHAIN_TYPE, "filter");
		nft_put_u32(b, NFTA_CHAIN_POLICY, NF_ACCEPT);
	}
	nft_end(b);
}

static void flush_chain(struct nft_batch *b, const struct nft_table *c, const char *name)
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

/*
 * A fragment that begins within the TCP header, in the first 64 bytes, as no link makes them: what it has is
 * seen by nobody before TCP has the whole (RFC 3128). By IPv6 the kernel itself drops a first fragment
 * without all of the header.
 */
static void drop_header_in_pieces(struct nft_batch *b, const struct nft_table *c)
{
	static const uint8_t ip[] = { ETH_P_IP >> 8, ETH_P_IP & 0xff }, none[2];
	static const uint8_t masks[][2] = { { 0x1f, 0xf8 }, { 0, 0x07 } }; /* in units of 8 bytes */

	nft_rule(b, c->table, "ingress");
	match_tcp(b);
	nft_meta(b, NFT_META_PROTOCOL, NFT_REGISTER(0));
	nft_compare(b, NFT_REGISTER(0), true, ip, sizeof(ip));
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, IP_FRAGMENT, 2, NFT_REGISTER(0));
		nft_mask(b, NFT_REGISTER(0), masks[i], 2);
		nft_compare(b, NFT_REGISTER(0), i == 0, none, 2);
	}
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
}

static void put_ingress(struct nft_batch *b, const struct nft_table *c)
{
	static const uint8_t kinds[] = { 0, TCP_OPTION_MD5, TCP_OPTION_AO };

	drop_header_in_pieces(b, c);
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

/*
 * nf_tables corrects the checksum for whole words only, and the word of the flag has the header's length
 * in it, which Linux 7.3 lets nobody write. The urgent pointer means nothing without the flag: it gets the
 * word as it shall be, with the checksum corrected for that; then the two change places, which leaves the
 * sum as it is. The flag goes last but one: if anything before fails, it is there still.
 */
static void clear_urgent(struct nft_batch *b)
{
	static const uint8_t mask[] = { 0xff, (uint8_t)~TCP_URG };
	enum { BEFORE, AFTER, FLAGS };

	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS - 1, 2, NFT_REGISTER(BEFORE));
	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS - 1, 2, NFT_REGISTER(AFTER));
	nft_mask(b, NFT_REGISTER(AFTER), mask, 2);
	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, 1, NFT_REGISTER(FLAGS));
	nft_mask(b, NFT_REGISTER(FLAGS), mask + 1, 1);
	nft_store_tcp(b, TCP_URGENT_POINTER, 2, NFT_REGISTER(AFTER), true);
	nft_store_tcp(b, TCP_FLAGS, 1, NFT_REGISTER(FLAGS), false);
	nft_store_tcp(b, TCP_URGENT_POINTER, 2, NFT_REGISTER(BEFORE), false);
}

/* The first NFT_TABLE_COUNTERS rules count; they go on from what was counted. */
static void put_act(struct nft_batch *b, const struct nft_table *c)
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

static void delete_sets(struct nft_batch *b, const struct nft_table *c)
{
	for (size_t i = 0; i < c->n_sets; i++) {
		nft_start(b, NFT_MSG_DELSET, 0);
		nft_put_string(b, NFTA_SET_TABLE, c->table);
		nft_put_string(b, NFTA_SET_NAME, c->sets[i]);
		nft_end(b);
	}
}

void nft_put_base(struct nft_batch *b, const struct nft_table *c)
{
	static const char *const chains[] = { "ingress", "steered", "act" };

	if (!c->hooked)
		nft_put_table(b, NFT_MSG_DESTROYTABLE, c);
	nft_put_table(b, NFT_MSG_NEWTABLE, c);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		if (c->hooked)
			flush_chain(b, c, chains[i]);
		else
			put_chain(b, c, chains[i], i == 0);
	if (c->hooked)
		delete_sets(b, c);
}

void nft_put_rules(struct nft_batch *b, const struct nft_table *c)
{
	put_ingress(b, c);
	put_act(b, c);
}
