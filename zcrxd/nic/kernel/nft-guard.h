/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeps from TCP what it cannot stand in payload that the CPU cannot read: see nft-guard.c. A table of
 * nf_tables for each interface, which belongs to one socket: while that is open nobody else, not even
 * root, can change it, and `nft flush ruleset` passes it by; after that it stays as it is.
 */
#pragma once

#include "flow.h"
#include "netlink.h"

/* What the table has been made of. */
struct nft_flows {
	struct flow *flows;
	size_t n;
	struct flow *shapes; /* one of each set, by its number */
	size_t n_shapes;
};

struct nft_guard {
	struct netlink nl; /* all zero until it is needed first; one thread's */
	unsigned ifindex;
	struct nft_flows set; /* as it was set last */
	bool certain;	      /* the kernel has said that this is what there is */
};

/* The guard stands for exactly these flows, from one packet to the next; none of them: it goes. A table that
 * is there, and ours, is not made again: nobody else can have changed it.
 * -ENODEV: there is no such interface. */
int nft_guard_set(struct nft_guard *g, const char *ifname, const struct flow *flows, size_t n);
/* Sets it so again unless it is there, is ours, and hangs on the interface as that is called now. */
int nft_guard_keep(struct nft_guard *g, const char *ifname, bool *ret_lost);
/* How many segments it has met: urgent ones, signed ones. Both 0 where there is none. */
int nft_guard_count(struct nft_guard *g, uint64_t *ret_urgent, uint64_t *ret_signed);
/* The interface is gone, and the table was for nothing else. */
void nft_guard_done(struct nft_guard *g, bool gone);

/* Can this kernel do it? Changes nothing. -EPERM: only CAP_NET_ADMIN can tell. */
int nft_guard_probe(bool *ret);
/* Tables of interfaces that are not there any more, or that nobody has in mind. */
int nft_guard_sweep(bool (*is_needed)(unsigned ifindex, void *userdata), void *userdata);
