/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See ending.h.
 */
#include "clock.h"
#include "ending.h"

void lease_note_ending(struct lease *l, enum lease_state next)
{
	const bool before = lease_state_is_ending(l->state), after = lease_state_is_ending(next);

	if (!before && after)
		l->ending_since = now_usec(CLOCK_MONOTONIC);
	else if (before && next == LEASE_FREE)
		histogram_add(&l->leases->end_times, now_usec(CLOCK_MONOTONIC) - l->ending_since);
}

uint64_t leases_oldest_ending(const struct leases *leases)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC), oldest = now;
	const struct lease *l;

	LIST_FOREACH(l, &leases->ending, ending_entry)
		if (l->ending_since < oldest)
			oldest = l->ending_since;
	return now - oldest;
}
