/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The part of the guard's table that knows flows: a set for those whose keys have the same shape,
 * and a rule that looks a segment up in it.
 */
#include <linux/if_ether.h>
#include <linux/netfilter/nf_tables.h>

#include "nft.h"
#include "nft-table.h"

#define ELEMENTS_A_MESSAGE 256

/* nft's numbers for the types of a key (its datatype.h), so that `nft list` can print the sets. */
enum { TYPE_IPADDR = 7, TYPE_IP6ADDR = 8, TYPE_INET_SERVICE = 13, TYPE_BITS = 6 };

static bool same_shape(const struct flow *a, const struct flow *b)
{
	return a->protocol == b->protocol && a->source.prefix == b->source.prefix &&
	       a->destination.prefix == b->destination.prefix &&
	       !a->source_port == !b->source_port && !a->destination_port == !b->destination_port;
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

static void put_set(struct nft_batch *b, const struct nft_table *c, const char *name, uint32_t id,
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
static void put_elements(struct nft_batch *b, const struct nft_table *c, const char *name,
			 uint32_t id, const struct flow *flows, size_t n, bool *done)
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

int nft_put_flows(struct nft_batch *b, const struct nft_table *c, const struct flow *flows,
		  size_t n)
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
