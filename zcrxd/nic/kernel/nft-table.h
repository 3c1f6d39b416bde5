/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard's table of nf_tables: what is there of it (nft-table.c), and the parts that it is made
 * of (nft-rules.c, nft-flows.c). For nft-guard.c, which says when.
 */
#pragma once

#include "flow.h"
#include "netlink.h"

struct nft_batch;
struct nft_flows;

#define NFT_TABLE_PREFIX "zcrxd-"
/* Before whoever else looks, so that the flow is the NIC's. When the rules of `ingress` or `act`
 * change their shape, this grows by one: then the new chain comes after the old one, and see
 * nft-guard.c. */
#define NFT_TABLE_PRIORITY (-499)
#define NFT_TABLE_COUNTERS 3 /* MD5, AO, urgent */

struct nft_count {
	uint64_t packets, bytes;
};

struct nft_table {
	char table[32];
	const char *ifname;
	uint32_t portid; /* ours */
	/* What is there. */
	bool hooked;
	char (*sets)[32];
	size_t n_sets;
	struct nft_count counters[NFT_TABLE_COUNTERS];
	size_t n_rules;
};

void nft_table_done(struct nft_table *c);
#define _cleanup_nft_table_ _cleanup_(nft_table_done)

/* What there is; nothing is no error. */
int nft_table_read(struct netlink *nl, struct nft_table *c);
int nft_table_read_counters(struct netlink *nl, struct nft_table *c);
/* It is there, belongs to this socket, and hangs on the interface as that is called now. */
int nft_table_is_kept(struct netlink *nl, struct nft_table *c, bool *ret);

/* NFT_MSG_NEWTABLE or NFT_MSG_DESTROYTABLE. */
void nft_put_table(struct nft_batch *b, uint8_t type, const struct nft_table *c);
/* The table and its chains, empty. */
void nft_put_base(struct nft_batch *b, const struct nft_table *c);
/* Which segments are dangerous, and what becomes of them. */
void nft_put_rules(struct nft_batch *b, const struct nft_table *c);
/* One flow of each shape, which has a set: to be freed. */
int nft_find_shapes(const struct flow *flows, size_t n, struct flow **ret, size_t *ret_n);
/* Whose segments these are. */
void nft_put_flows(struct nft_batch *b, const struct nft_table *c, const struct flow *shapes,
		   size_t n_shapes, const struct flow *flows, size_t n);
/* What makes these flows of those that the sets have; *ret_n: in so many messages. -ENOENT: a set is missing. */
int nft_put_changes(struct nft_batch *b, const struct nft_table *c, const struct nft_flows *before,
		    const struct flow *flows, size_t n, size_t *ret_n);
