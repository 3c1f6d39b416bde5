/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How often one repairs what somebody changes again and again: the first few times at once, then now
 * and then, until it has been quiet for a while. Times are microseconds of any clock that only goes on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define DRIFT_REPAIRS_AT_ONCE 5
#define DRIFT_REPAIR_INTERVAL_USEC (30 * 1000000ULL)
#define DRIFT_QUIET_USEC (60 * 1000000ULL)

struct drift_ratelimit {
	uint64_t last_found, last_repair;
	unsigned repairs; /* since it was quiet */
};

/* Something was found now: from when on it may be repaired, and told of. */
uint64_t drift_ratelimit_next(struct drift_ratelimit *p, uint64_t now);
/* True: the first time that it looks like a fight. */
bool drift_ratelimit_repaired(struct drift_ratelimit *p, uint64_t now);
