/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long the turns of the event loop take. Everything that protects payload is done in one of them, so
 * that none may be long, whatever clients do; this says whether that holds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Nothing that is done for clients may hold a turn for longer. */
#define TURN_BUDGET_USEC 50000
#define TURN_BUCKETS	 20

/* All zero at first. */
struct turn_times {
	uint64_t turns, over_budget;
	uint64_t longest_usec, longest_at_usec; /* the latter by the clock of the caller */
	uint64_t buckets[TURN_BUCKETS];
};

void turn_times_add(struct turn_times *t, uint64_t usec, uint64_t at);
/* Bucket i counts the turns that took less than this, and not less than that of i-1: 32 us and doubled
 * each time. UINT64_MAX for the last. */
uint64_t turn_bucket_below(unsigned i);
