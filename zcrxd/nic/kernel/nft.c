/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See nft.h. By netlink and not by libnftables, which reads the rules of everybody before each command
 * and brings a parser of its language, and five more libraries, into a privileged process.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "nft.h"

#define MESSAGE_SIZE 32768 /* a set's elements come in parts: nft-guard.c */
#define TCP_CHECKSUM 16	   /* its offset */

/* ------------------------------------------------------------------------------- batches */

static struct nl_msg *new_message(int type, int flags, uint8_t family, uint16_t resource)
{
	const struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0,
					 .res_id = htons(resource) };
	struct nl_msg *m = nlmsg_alloc_size(MESSAGE_SIZE);

	if (!m)
		return NULL;
	if (!nlmsg_put(m, NL_AUTO_PORT, 0, type, 0, flags) ||
	    nlmsg_append(m, (void *)&header, sizeof(header), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(m);
		return NULL;
	}
	return m;
}

static void append(struct nft_batch *b, struct nl_msg *m)
{
	const struct nlmsghdr *h = m ? nlmsg_hdr(m) : NULL;
	size_t size = h ? NLMSG_ALIGN(h->nlmsg_len) : 0;
	uint8_t *data;

	if (!h || b->failed) {
		b->failed = true;
		return;
	}
	if (b->size + size > b->capacity) {
		data = realloc(b->data, 2 * (b->size + size));
		if (!data) {
			b->failed = true;
			return;
		}
		b->data = data;
		b->capacity = 2 * (b->size + size);
	}
	memset(b->data + b->size, 0, size);
	memcpy(b->data + b->size, h, h->nlmsg_len);
	b->size += size;
}

static void append_bracket(struct nft_batch *b, int type)
{
	_cleanup_nl_msg_ struct nl_msg *m =
		new_message(type, NLM_F_REQUEST, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);

	append(b, m);
}

void nft_batch_begin(struct nft_batch *b)
{
	*b = (struct nft_batch) {};
	append_bracket(b, NFNL_MSG_BATCH_BEGIN);
}

void nft_batch_done(struct nft_batch *b)
{
	free(b->data);
	nlmsg_free(b->m);
	*b = (struct nft_batch) {};
}

/* Each refusal is answered; who asks for a word in any case is the last of them. */
static void ask_for_answer(struct nft_batch *b)
{
	struct nlmsghdr *last = NULL;
	int rem = (int)b->size;

	for (struct nlmsghdr *m = (void *)b->data; nlmsg_ok(m, rem); m = nlmsg_next(m, &rem))
		last = m;
	if (last)
		last->nlmsg_flags |= NLM_F_ACK;
}

int nft_batch_send(struct netlink *nl, struct nft_batch *b, bool try)
{
	if (b->failed)
		return -ENOMEM;
	ask_for_answer(b);
	/* A batch without an end is checked, and then forgotten. */
	if (!try)
		append_bracket(b, NFNL_MSG_BATCH_END);
	return b->failed ? -ENOMEM : netlink_batch(nl, b->data, b->size);
}

/* ------------------------------------------------------------------------------- messages */

void nft_start(struct nft_batch *b, uint8_t type, uint16_t flags)
{
	b->m = new_message(NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_REQUEST | flags, NFPROTO_NETDEV, 0);
	b->failed |= !b->m;
}

void nft_end(struct nft_batch *b)
{
	append(b, b->m);
	nlmsg_free(TAKE_PTR(b->m));
}

void nft_put(struct nft_batch *b, int attribute, const void *data, size_t size)
{
	b->failed |= !b->m || nla_put(b->m, attribute, (int)size, data) < 0;
}

void nft_put_u32(struct nft_batch *b, int attribute, uint32_t value)
{
	const uint32_t wire = htonl(value);

	nft_put(b, attribute, &wire, sizeof(wire));
}

void nft_put_string(struct nft_batch *b, int attribute, const char *value)
{
	nft_put(b, attribute, value, strlen(value) + 1);
}

struct nlattr *nft_nest(struct nft_batch *b, int attribute)
{
	struct nlattr *nest = b->m ? nla_nest_start(b->m, attribute | NLA_F_NESTED) : NULL;

	b->failed |= !nest;
	return nest;
}

void nft_nest_end(struct nft_batch *b, struct nlattr *nest)
{
	if (nest)
		nla_nest_end(b->m, nest);
}

/* -------------------------------------------------------------------------- expressions */

void nft_rule(struct nft_batch *b, const char *table, const char *chain)
{
	nft_start(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	nft_put_string(b, NFTA_RULE_TABLE, table);
	nft_put_string(b, NFTA_RULE_CHAIN, chain);
	b->list = nft_nest(b, NFTA_RULE_EXPRESSIONS);
}

void nft_rule_end(struct nft_batch *b)
{
	nft_nest_end(b, TAKE_PTR(b->list));
	nft_end(b);
}

struct expression {
	struct nlattr *element, *data;
};

static struct expression begin(struct nft_batch *b, const char *name)
{
	struct expression e = { .element = nft_nest(b, NFTA_LIST_ELEM) };

	nft_put_string(b, NFTA_EXPR_NAME, name);
	e.data = nft_nest(b, NFTA_EXPR_DATA);
	return e;
}

static void end(struct nft_batch *b, const struct expression *e)
{
	nft_nest_end(b, e->data);
	nft_nest_end(b, e->element);
}

static void put_data(struct nft_batch *b, int attribute, const void *data, size_t size)
{
	struct nlattr *nest = nft_nest(b, attribute);

	nft_put(b, NFTA_DATA_VALUE, data, size);
	nft_nest_end(b, nest);
}

void nft_meta(struct nft_batch *b, uint32_t key, uint32_t reg)
{
	struct expression e = begin(b, "meta");

	nft_put_u32(b, NFTA_META_DREG, reg);
	nft_put_u32(b, NFTA_META_KEY, key);
	end(b, &e);
}

void nft_load(struct nft_batch *b, uint32_t base, uint32_t offset, uint32_t length, uint32_t reg)
{
	struct expression e = begin(b, "payload");

	nft_put_u32(b, NFTA_PAYLOAD_DREG, reg);
	nft_put_u32(b, NFTA_PAYLOAD_BASE, base);
	nft_put_u32(b, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_u32(b, NFTA_PAYLOAD_LEN, length);
	end(b, &e);
}

void nft_store_tcp(struct nft_batch *b, uint32_t offset, uint32_t length, uint32_t reg, bool correct)
{
	struct expression e = begin(b, "payload");

	nft_put_u32(b, NFTA_PAYLOAD_SREG, reg);
	nft_put_u32(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	nft_put_u32(b, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_u32(b, NFTA_PAYLOAD_LEN, length);
	if (correct) {
		nft_put_u32(b, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
		nft_put_u32(b, NFTA_PAYLOAD_CSUM_OFFSET, TCP_CHECKSUM);
	}
	end(b, &e);
}

void nft_mask(struct nft_batch *b, uint32_t reg, const void *mask, uint32_t length)
{
	static const uint8_t zero[16];
	struct expression e = begin(b, "bitwise");

	nft_put_u32(b, NFTA_BITWISE_SREG, reg);
	nft_put_u32(b, NFTA_BITWISE_DREG, reg);
	nft_put_u32(b, NFTA_BITWISE_LEN, length);
	put_data(b, NFTA_BITWISE_MASK, mask, length);
	put_data(b, NFTA_BITWISE_XOR, zero, length);
	end(b, &e);
}

void nft_compare(struct nft_batch *b, uint32_t reg, bool equal, const void *value, size_t length)
{
	struct expression e = begin(b, "cmp");

	nft_put_u32(b, NFTA_CMP_SREG, reg);
	nft_put_u32(b, NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
	put_data(b, NFTA_CMP_DATA, value, length);
	end(b, &e);
}

void nft_tcp_option(struct nft_batch *b, uint8_t kind, uint32_t reg)
{
	struct expression e = begin(b, "exthdr");

	nft_put_u32(b, NFTA_EXTHDR_DREG, reg);
	nft_put(b, NFTA_EXTHDR_TYPE, &kind, sizeof(kind));
	nft_put_u32(b, NFTA_EXTHDR_OFFSET, 0);
	nft_put_u32(b, NFTA_EXTHDR_LEN, 1);
	nft_put_u32(b, NFTA_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
	nft_put_u32(b, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
	end(b, &e);
}

void nft_lookup(struct nft_batch *b, uint32_t reg, const char *set, uint32_t set_id)
{
	struct expression e = begin(b, "lookup");

	nft_put_string(b, NFTA_LOOKUP_SET, set);
	nft_put_u32(b, NFTA_LOOKUP_SREG, reg);
	nft_put_u32(b, NFTA_LOOKUP_SET_ID, set_id);
	end(b, &e);
}

void nft_counter(struct nft_batch *b, uint64_t packets, uint64_t bytes)
{
	const uint64_t wire_packets = htobe64(packets), wire_bytes = htobe64(bytes);
	struct expression e = begin(b, "counter");

	nft_put(b, NFTA_COUNTER_BYTES, &wire_bytes, sizeof(wire_bytes));
	nft_put(b, NFTA_COUNTER_PACKETS, &wire_packets, sizeof(wire_packets));
	end(b, &e);
}

void nft_verdict(struct nft_batch *b, int code, const char *chain)
{
	struct expression e = begin(b, "immediate");
	struct nlattr *data, *verdict;

	nft_put_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nft_nest(b, NFTA_IMMEDIATE_DATA);
	verdict = nft_nest(b, NFTA_DATA_VERDICT);
	nft_put_u32(b, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		nft_put_string(b, NFTA_VERDICT_CHAIN, chain);
	nft_nest_end(b, verdict);
	nft_nest_end(b, data);
	end(b, &e);
}

/* -------------------------------------------------------------------------------- reading */

struct nl_msg *nft_request(uint8_t type)
{
	return new_message(NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_REQUEST, NFPROTO_NETDEV, 0);
}

int nft_parse(const struct nlmsghdr *m, uint8_t type, struct nlattr **tb, int max)
{
	if (m->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | type))
		return -ENODATA;
	return netlink_parse(m, sizeof(struct nfgenmsg), tb, max);
}

uint32_t nft_u32(const struct nlattr *a, uint32_t fallback)
{
	uint32_t wire;

	if (!a || nla_len(a) != sizeof(wire))
		return fallback;
	memcpy(&wire, nla_data(a), sizeof(wire));
	return ntohl(wire);
}

uint64_t nft_u64(const struct nlattr *a, uint64_t fallback)
{
	uint64_t wire;

	if (!a || nla_len(a) != sizeof(wire))
		return fallback;
	memcpy(&wire, nla_data(a), sizeof(wire));
	return be64toh(wire);
}
