/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See dry.h.
 */
#include <errno.h>

#include "clock.h"
#include "dry.h"
#include "log.h"
#include "steering.h"

/* A lease that comes back at all does so sooner. */
#define PATIENCE_USEC (5 * 1000000ULL)

/* The queue of it that is; NULL if none is, or it is over. */
static const uint32_t *find_dry(const struct lease *l)
{
	const uint64_t reserve = l->device->observed ? nic_demand_dry(l->device->observed->driver) : 0;

	for (unsigned i = 0; i < l->n_queues; i++)
		if (l->per_queue[i].bound && supply_is_dry(&l->per_queue[i].supply, l->per_queue[i].area, reserve))
			return &l->queues[i];
	return NULL;
}

static void end(struct lease *l, uint32_t queue)
{
	const char *name = device_name(l->device);
	_cleanup_free_ char *reason = NULL;

	if (asprintf(&reason, "queue %u has no buffers left, as its program returns none, and while that lasts its "
		     "driver (%s) stops all of %s whenever another queue is bound or released", queue,
		     l->device->observed->driver, name) < 0)
		reason = NULL;
	log_message(LOG_WARNING, &(struct log_fields){ .lease = l->id },
		    "Lease %08x: %s. The lease ends, so that the others on %s need not stand still.", l->id,
		    reason ?: "a queue has no buffers left", name);
	lease_revoke_leaking(l->leases, l->id, reason);
}

/* One that is in the way, and is being ended from now on, which takes its worker; NULL: none is. */
static struct lease *end_another(struct lease *l)
{
	struct lease *m;

	TAILQ_FOREACH(m, &l->leases->list, entry) {
		const uint32_t *queue = m != l && m->device == l->device ? find_dry(m) : NULL;

		if (!queue || m->state == LEASE_QUARANTINED)
			continue;
		/* Of two that end, the second waits for the first no longer than the first for it. */
		if (m->dry_until != 0 && l->state == LEASE_DRAINING)
			continue;
		if (m->state != LEASE_DRAINING)
			end(m, *queue);
		return m;
	}
	return NULL;
}

int dry_wait(struct lease *l, lease_ended ended, void *userdata)
{
	struct lease *m = end_another(l);
	int r = m ? lease_wait(m, ended, userdata) : 0;

	return m && r == 0 ? -EINPROGRESS : r;
}

bool dry_is_in_the_way(struct lease *l)
{
	const uint64_t now = now_usec(CLOCK_MONOTONIC);
	bool any = (l->dry_until == 0 || now < l->dry_until) && end_another(l);

	if (any && l->dry_until == 0)
		l->dry_until = now + PATIENCE_USEC;
	else if (!any && l->state != LEASE_DRAINING)
		l->dry_until = 0;
	return any;
}
