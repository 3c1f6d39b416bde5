/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Acquire: a lease is made, on record before it is granted. And those of an earlier daemon are made again.
 */
#pragma once

#include "leases.h"

struct acquire_request {
	struct device *device;
	const struct peer *peer; /* whose it is */
	const struct peer *acquirer; /* who asks for it; the same, but for an administrator who asks for another */
	unsigned n_queues;
	const char *name;
	bool persistent;
	uint64_t time_to_live; /* us; UINT64_MAX for ever */
	uint64_t area_permitted; /* for each queue; 0: no limit */
	const struct flow *flows;
	size_t n_flows;
};
/* `done` with r 0 and a lease that is RESERVED, or the fault. Called once unless this fails. */
typedef void (*lease_done)(struct lease *lease, int r, struct fault *fault, void *userdata);
int lease_acquire(struct leases *leases, const struct acquire_request *request, lease_done done,
		  void *userdata, struct fault *reterr);
/* A lease of an earlier daemon, in the state that was decided for it; without its handles, proofs,
 * flows and grant. */
int lease_adopt(struct leases *leases, struct device *d, const struct record_lease *saved,
		enum lease_state state, const char *reason, struct lease **ret);
/* UINT64_MAX: for ever. */
int lease_set_time_to_live(struct lease *l, uint64_t usec);
