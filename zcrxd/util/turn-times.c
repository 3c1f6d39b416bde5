/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See turn-times.h.
 */
#include "turn-times.h"

#define FIRST_USEC 32ULL

uint64_t turn_bucket_below(unsigned i)
{
	return i < TURN_BUCKETS - 1 ? FIRST_USEC << i : UINT64_MAX;
}

void turn_times_add(struct turn_times *t, uint64_t usec, uint64_t at)
{
	unsigned i = 0;

	while (i < TURN_BUCKETS - 1 && usec >= turn_bucket_below(i))
		i++;
	t->buckets[i]++;
	t->turns++;
	t->over_budget += usec > TURN_BUDGET_USEC;
	if (usec <= t->longest_usec)
		return;
	t->longest_usec = usec;
	t->longest_at_usec = at;
}
