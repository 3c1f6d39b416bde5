/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long leases take to end, for metrics.
 */
#pragma once

#include "leases.h"

static inline bool lease_state_is_ending(enum lease_state s)
{
	return s == LEASE_DRAINING || s == LEASE_QUARANTINED;
}

/* Its state is about to be `next`. */
void lease_note_ending(struct lease *l, enum lease_state next);
/* For how long the oldest lease that is ending has been; 0 if there is none. */
uint64_t leases_oldest_ending(const struct leases *leases);
