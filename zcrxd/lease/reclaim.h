/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker's part of draining: RSS context and grant go, and the kernel's word that the queues are
 * nobody's.
 */
#pragma once

#include "deletion.h"
#include "leases.h"

struct reclaim {
	struct lease *lease;
	struct grant grant;
	bool granted, ring_first, waits, gone;
	bool context_lost; /* by the driver: nothing leads to it, and the kernel lists it still */
	uint32_t context; /* 0: none */
	uint32_t queues[LEASE_QUEUES_MAX];
	struct tuning found[LEASE_QUEUES_MAX];
	unsigned n_queues;
	struct deletion deletion;
	int r;
	struct fault fault;
};

void reclaim_run(struct nic *nic, void *reclaim);
