/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See busy.h. Whoever sets an RSS table by it asks on the loop when he submits the job: jobs run in that order, so that
 * none which does not know of a lease yet comes after that which takes the table away from its queues.
 */
#include <errno.h>

#include "busy.h"
#include "leases.h"

static bool is_leased(const struct device *d, uint32_t queue)
{
	const struct lease *l;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		for (unsigned i = 0; l->device == d && i < l->n_queues; i++)
			if (l->queues[i] == queue)
				return true;
	return false;
}

/* Withheld, and somebody has bound it: not where there is no such queue now. */
static bool is_somebodys(const struct device *d, uint32_t queue)
{
	return inventory_get(&d->inventory, queue)->quarantine && d->observed &&
	       queue < nic_state_rx_queues(d->observed) &&
	       !nic_state_queue_clean(d->observed, queue) && !is_leased(d, queue);
}

int device_busy_queues(const struct device *d, uint32_t **ret, size_t *ret_n)
{
	const struct carve_out *c = &d->inventory.carve_out;
	uint32_t *queues;
	struct lease *l;
	size_t n = 0;

	queues = calloc((size_t)d->n_leases * LEASE_QUEUES_MAX + c->zero_copy_count + 1,
			sizeof(*queues));
	if (!queues)
		return -ENOMEM;
	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		for (unsigned i = 0; l->device == d && i < l->n_queues; i++)
			queues[n++] = l->queues[i];
	for (unsigned i = 0; i < c->zero_copy_count; i++)
		if (is_somebodys(d, c->zero_copy_first + i))
			queues[n++] = c->zero_copy_first + i;
	*ret = queues;
	*ret_n = n;
	return 0;
}
