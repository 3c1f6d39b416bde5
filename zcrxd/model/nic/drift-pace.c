/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See drift-pace.h.
 */
#include "drift-pace.h"

uint64_t drift_pace_next(struct drift_pace *p, uint64_t now)
{
	if (p->repairs > 0 && now - p->last_found > DRIFT_QUIET_USEC)
		p->repairs = 0;
	p->last_found = now;
	if (p->repairs < DRIFT_REPAIRS_AT_ONCE ||
	    now - p->last_repair >= DRIFT_REPAIR_INTERVAL_USEC)
		return now;
	return p->last_repair + DRIFT_REPAIR_INTERVAL_USEC;
}

bool drift_pace_repaired(struct drift_pace *p, uint64_t now)
{
	p->last_repair = now;
	return ++p->repairs == DRIFT_REPAIRS_AT_ONCE;
}
