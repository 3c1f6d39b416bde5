/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See supply.h.
 */
#include <errno.h>

#include "supply.h"

#define SHORT_RISES 2
/* A queue that is short, but in use, receives more than that for each one that it has not. */
#define HARDLY_ANY  16

void supply_note(struct supply *s, const struct nic_queue *q)
{
	const uint64_t failures = q->failures - s->failures, packets = q->packets - s->packets;

	if (!q->has_failures || !q->has_counters)
		return;
	/* A driver may begin to count anew when it restarts the queue. */
	if (s->known && q->failures >= s->failures && q->packets >= s->packets) {
		s->missed += failures;
		s->rises += failures > 0;
		if (failures > 0 || packets > 0)
			s->failing = failures > packets / HARDLY_ANY;
	}
	s->known = true;
	s->failures = q->failures;
	s->packets = q->packets;
	s->in_use = q->has_pool ? q->pool_bytes : 0;
}

bool supply_is_news(const struct nic_queue *before, const struct nic_queue *now)
{
	return before->has_failures != now->has_failures || before->has_counters != now->has_counters ||
	       before->failures != now->failures || (now->napi_id != 0 && before->napi_id != now->napi_id);
}

bool supply_is_short(const struct supply *s)
{
	return s->rises >= SHORT_RISES;
}

int supply_format(const struct supply *s, uint32_t queue, uint64_t area, const struct nic_demand *demand,
		  char **ret)
{
	_cleanup_free_ char *remedy = NULL;
	int r;

	if (area < demand->recommended && demand->ring > 0)
		r = asprintf(&remedy, "The area is too small: the driver keeps %ju bytes of it in its ring; better "
			     "are %ju.", (uintmax_t)demand->ring, (uintmax_t)demand->recommended);
	else
		r = asprintf(&remedy, "The program returns buffers too late, or needs a larger area.");
	if (r < 0) {
		remedy = NULL;
		return -ENOMEM;
	}
	return asprintf(ret, "%ju packets for queue %u found no buffer in its area of %ju bytes. %s",
			(uintmax_t)s->missed, queue, (uintmax_t)area, remedy) < 0
		       ? -ENOMEM
		       : 0;
}

bool supply_is_dry(const struct supply *s, uint64_t area, uint64_t reserve)
{
	return reserve > 0 && s->failing && (s->in_use >= area || area - s->in_use < reserve);
}
