/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nf_tables by netlink, as far as the guard needs it: messages of the netdev family, the expressions of
 * its rules, and batches, which the kernel takes as a whole or not at all. What the messages say is
 * nft-guard.c's.
 *
 * Building never fails by itself: a batch that has run out of memory remembers it until nft_batch_send().
 */
#pragma once

#include "netlink.h"

/* The kernel's 32-bit registers; a field of 16 bytes takes four of them. */
#define NFT_REGISTER(n) ((uint32_t)NFT_REG32_00 + (n))

struct nft_batch {
	uint8_t *data;
	size_t size, capacity;
	bool failed;

	/* The message that is being built. */
	struct nl_msg *m;
	struct nlattr *list; /* its expressions, or its elements */
};

void nft_batch_begin(struct nft_batch *b);
void nft_batch_done(struct nft_batch *b);
#define _cleanup_nft_batch_ _cleanup_(nft_batch_done)
/* Applies it, or with `try` only has the kernel say whether it would. */
int nft_batch_send(struct netlink *nl, struct nft_batch *b, bool try);

/* One message: from here to nft_end(). `flags` beside NLM_F_REQUEST. */
void nft_start(struct nft_batch *b, uint8_t type, uint16_t flags);
void nft_end(struct nft_batch *b);
void nft_put(struct nft_batch *b, int attribute, const void *data, size_t size);
void nft_put_u32(struct nft_batch *b, int attribute, uint32_t value);
void nft_put_string(struct nft_batch *b, int attribute, const char *value);
struct nlattr *nft_nest(struct nft_batch *b, int attribute);
void nft_nest_end(struct nft_batch *b, struct nlattr *nest);

/* A rule at the end of a chain: from here, by its expressions, to nft_rule_end(). */
void nft_rule(struct nft_batch *b, const char *table, const char *chain);
void nft_rule_end(struct nft_batch *b);
void nft_meta(struct nft_batch *b, uint32_t key, uint32_t reg);
void nft_load(struct nft_batch *b, uint32_t base, uint32_t offset, uint32_t length, uint32_t reg);
/* Into the TCP header; its checksum is corrected, or left as it is. */
void nft_store_tcp(struct nft_batch *b, uint32_t offset, uint32_t length, uint32_t reg, bool correct);
void nft_mask(struct nft_batch *b, uint32_t reg, const void *mask, uint32_t length);
/* The rule goes on if the register has (or has not) this value. */
void nft_compare(struct nft_batch *b, uint32_t reg, bool equal, const void *value, size_t length);
/* 1 or 0 into the register. */
void nft_tcp_option(struct nft_batch *b, uint8_t kind, uint32_t reg);
void nft_lookup(struct nft_batch *b, uint32_t reg, const char *set, uint32_t set_id);
void nft_counter(struct nft_batch *b, uint64_t packets, uint64_t bytes);
/* NF_DROP, or NFT_GOTO with a chain. */
void nft_verdict(struct nft_batch *b, int code, const char *chain);

/* A request for what the kernel has, for netlink_call() and netlink_dump(). NULL without memory. */
struct nl_msg *nft_request(uint8_t type);
/* An answer's attributes; -ENODATA if it is another kind of message. */
int nft_parse(const struct nlmsghdr *m, uint8_t type, struct nlattr **tb, int max);
/* nf_tables' numbers are in network order. */
uint32_t nft_u32(const struct nlattr *a, uint32_t fallback);
uint64_t nft_u64(const struct nlattr *a, uint64_t fallback);
