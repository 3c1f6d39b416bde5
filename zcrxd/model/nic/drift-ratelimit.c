/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See drift-ratelimit.h.
 */
#include "drift-ratelimit.h"

uint64_t drift_ratelimit_next(struct drift_ratelimit *p, uint64_t now)
{
	if (p->repairs > 0 && now - p->last_found > DRIFT_QUIET_USEC)
		p->repairs = 0;
	p->last_found = now;
	if (p->repairs < DRIFT_REPAIRS_AT_ONCE ||
	    now - p->last_repair >= DRIFT_REPAIR_INTERVAL_USEC)
		return now;
	return p->last_repair + DRIFT_REPAIR_INTERVAL_USEC;
}

bool drift_ratelimit_repaired(struct drift_ratelimit *p, uint64_t now)
{
	p->last_repair = now;
	return ++p->repairs == DRIFT_REPAIRS_AT_ONCE;
}
