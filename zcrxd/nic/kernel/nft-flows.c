/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The part of the guard's table that knows flows: a set for those whose keys have the same shape,
 * and a rule that looks a segment up in it.
 */
#include <linux/if_ether.h>
#include <linux/netfilter/nf_tables.h>

#include "nft-guard.h"
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

static void begin_elements(struct nft_batch *b, uint8_t type, const struct nft_table *c, const char *name,
			   uint32_t id, struct nlattr **ret_list)
{
	nft_start(b, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	nft_put_string(b, NFTA_SET_ELEM_LIST_TABLE, c->table);
	nft_put_string(b, NFTA_SET_ELEM_LIST_SET, name);
	if (id > 0) /* it is as new as they are */
		nft_put_u32(b, NFTA_SET_ELEM_LIST_SET_ID, id);
	*ret_list = nft_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
}

static void end_elements(struct nft_batch *b, struct nlattr *list)
{
	nft_nest_end(b, list);
	nft_end(b);
}

/* Those of `flows` that have this shape. */
static void put_elements(struct nft_batch *b, const struct nft_table *c, const char *name,
			 uint32_t id, const struct flow *shape, const struct flow *flows, size_t n)
{
	struct nlattr *list = NULL;
	size_t in_message = 0;

	for (size_t i = 0; i < n; i++) {
		if (!same_shape(&flows[i], shape))
			continue;
		if (in_message == 0)
			begin_elements(b, NFT_MSG_NEWSETELEM, c, name, id, &list);
		put_element(b, &flows[i]);
		if (++in_message < ELEMENTS_A_MESSAGE)
			continue;
		end_elements(b, list);
		in_message = 0;
	}
	if (in_message > 0)
		end_elements(b, list);
}

static void set_name(size_t i, char ret[16])
{
	snprintf(ret, 16, "flows-%u", (unsigned)i);
}

/* n_shapes if it has none. */
static size_t find_shape(const struct flow *shapes, size_t n_shapes, const struct flow *f)
{
	size_t i = 0;

	while (i < n_shapes && !same_shape(&shapes[i], f))
		i++;
	return i;
}

int nft_find_shapes(const struct flow *flows, size_t n, struct flow **ret, size_t *ret_n)
{
	struct flow *shapes = calloc(n + 1, sizeof(*shapes));
	size_t n_shapes = 0;

	if (!shapes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (find_shape(shapes, n_shapes, &flows[i]) == n_shapes)
			shapes[n_shapes++] = flows[i];
	*ret = shapes;
	*ret_n = n_shapes;
	return 0;
}

void nft_put_flows(struct nft_batch *b, const struct nft_table *c, const struct flow *shapes,
		   size_t n_shapes, const struct flow *flows, size_t n)
{
	for (size_t i = 0; i < n_shapes; i++) {
		const uint32_t id = (uint32_t)i + 1;
		char name[16];

		set_name(i, name);
		put_set(b, c, name, id, &shapes[i]);
		put_elements(b, c, name, id, &shapes[i], flows, n);
		nft_rule(b, c->table, "steered");
		load_key(b, &shapes[i]);
		nft_lookup(b, NFT_REGISTER(0), name, id);
		nft_verdict(b, NFT_GOTO, "act");
		nft_rule_end(b);
	}
}

/* ------------------------------------------------------------------------------ changes */

struct element {
	const struct flow *flow;
	size_t set;
	struct key key;
};

/* As the kernel tells elements apart: what a key does not have of a flow does not tell. */
static int compare_elements(const void *a, const void *b)
{
	const struct element *x = a, *y = b;

	if (x->set != y->set)
		return x->set < y->set ? -1 : 1;
	return memcmp(x->key.bytes, y->key.bytes, sizeof(x->key.bytes));
}

/* In order, each once. -ENOENT: one has a shape that there is no set for. */
static int find_elements(const struct flow *shapes, size_t n_shapes, const struct flow *flows, size_t n,
			 struct element **ret, size_t *ret_n)
{
	_cleanup_free_ struct element *e = calloc(n + 1, sizeof(*e));
	size_t kept = 0;

	if (!e)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		e[i] = (struct element) { &flows[i], find_shape(shapes, n_shapes, &flows[i]),
					  make_key(&flows[i]) };
		if (e[i].set == n_shapes)
			return -ENOENT;
	}
	qsort(e, n, sizeof(*e), compare_elements);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || compare_elements(&e[kept - 1], &e[i]) != 0)
			e[kept++] = e[i];
	*ret = TAKE_PTR(e);
	*ret_n = kept;
	return 0;
}

static void put_change(struct nft_batch *b, const struct nft_table *c, uint8_t type,
		       const struct element *e, size_t *n)
{
	struct nlattr *list;
	char name[16];

	set_name(e->set, name);
	begin_elements(b, type, c, name, 0, &list);
	put_element(b, e->flow);
	end_elements(b, list);
	++*n;
}

int nft_put_changes(struct nft_batch *b, const struct nft_table *c, const struct nft_flows *before,
		    const struct flow *flows, size_t n, size_t *ret_n)
{
	_cleanup_free_ struct element *old = NULL, *new = NULL;
	size_t n_old = 0, n_new = 0;
	int r;

	*ret_n = 0;
	r = find_elements(before->shapes, before->n_shapes, before->flows, before->n, &old, &n_old);
	if (r == 0)
		r = find_elements(before->shapes, before->n_shapes, flows, n, &new, &n_new);
	if (r < 0)
		return r;
	for (size_t i = 0, k = 0; i < n_old || k < n_new;) {
		int order = i == n_old ? 1 : k == n_new ? -1 : compare_elements(&old[i], &new[k]);

		if (order < 0)
			put_change(b, c, NFT_MSG_DELSETELEM, &old[i], ret_n);
		else if (order > 0)
			put_change(b, c, NFT_MSG_NEWSETELEM, &new[k], ret_n);
		i += order <= 0;
		k += order >= 0;
	}
	return 0;
}
