/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `zcrxperf compare`: receives in each mode, one after the other, over the same connections from `zcrxperf answer`,
 * and shows them side by side.
 */
#pragma once

#include <stdio.h>

#include "session.h"

/* Of one mode. */
struct comparison {
	enum mode mode;
	struct totals totals;
	uint64_t n_trips;  /* round trips that were measured */
	uint64_t p50, p99; /* of their times, in nanoseconds */
	struct meter meter;
};

/* Gives an exit status. */
int compare_run(const struct options *o);

/* What is printed of them. */
struct compared {
	const struct session *leased;
	unsigned int connections;
	struct comparison modes[_MODE_MAX];
	unsigned int n;
	uint64_t wrong;
};

void compare_report(const struct compared *c);
