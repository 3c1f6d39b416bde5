/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard of an interface as nic.h has it; nft-guard.c is what it is made of.
 */
#include "kernel-nic.h"

static int fail(const struct kernel_nic *nic, int r, struct fault *reterr)
{
	_cleanup_free_ char *operation = NULL;

	if (asprintf(&operation, "keep urgent and signed segments from the flows of %s", nic->name) < 0) {
		operation = NULL;
		return -ENOMEM;
	}
	return netlink_fault(&nic->guard.nl, r, reterr, operation,
			     r == -EPERM ? "Its nf_tables table zcrxd-%u belongs to another process: is a "
					   "second zcrxd running? (nft list tables)"
					 : "See `nft list table netdev zcrxd-%u`.",
			     nic->nic.ifindex);
}

int kernel_nic_guard_set(struct nic *base, const struct flow *flows, size_t n, struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	int r = kernel_nic_begin(nic, reterr);

	if (r != 0)
		return r;
	r = nft_guard_set(&nic->guard, nic->name, flows, n);
	return r < 0 ? fail(nic, r, reterr) : 0;
}

int kernel_nic_guard_keep(struct nic *base, bool *ret_lost, struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	int r = kernel_nic_begin(nic, reterr);

	if (r != 0)
		return r;
	r = nft_guard_keep(&nic->guard, nic->name, ret_lost);
	return r < 0 ? fail(nic, r, reterr) : 0;
}
