/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See shortage.h.
 */
#include <errno.h>
#include <inttypes.h>

#include "log.h"
#include "shortage.h"
#include "units.h"

void shortage_reset(struct lease *l, unsigned queue)
{
	l->per_queue[queue].supply = (struct supply){};
	l->per_queue[queue].shortage_told = false;
	l->per_queue[queue].napi_id = 0;
}

static int format(const struct lease *l, unsigned queue, char **ret)
{
	const struct lease_queue *q = &l->per_queue[queue];
	struct nic_demand demand;

	device_demand(l->device, &demand);
	return supply_format(&q->supply, l->queues[queue], q->area, &demand, ret);
}

/* Once for each ring: it is counted, and shown, from then on. */
static void tell(struct lease *l, unsigned queue)
{
	_cleanup_free_ char *text = NULL;

	if (l->per_queue[queue].shortage_told || !supply_is_short(&l->per_queue[queue].supply) ||
	    format(l, queue, &text) < 0)
		return;
	l->per_queue[queue].shortage_told = true;
	l->device->counts.shortages++;
	log_message(LOG_WARNING, &(struct log_fields){ .lease = l->id }, "Lease %08x: %s", l->id, text);
}

static void note(struct lease *l, unsigned queue, const struct nic_queue *counted)
{
	supply_note(&l->per_queue[queue].supply, counted);
	l->per_queue[queue].napi_id = counted->napi_id ?: l->per_queue[queue].napi_id;
	tell(l, queue);
}

/* They were listed lease by lease, so that each is found where the one before it was, or soon behind. */
void leases_note_supply(struct device *d, const uint32_t *queues, const struct nic_queue *counted, size_t n)
{
	size_t at = 0;
	struct lease *l;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		for (unsigned i = 0; l->device == d && i < l->n_queues; i++) {
			size_t k = 0;

			while (k < n && queues[(at + k) % n] != l->queues[i])
				k++;
			if (k == n)
				continue;
			at = (at + k) % n;
			if (l->per_queue[i].bound)
				note(l, i, &counted[at]);
		}
}

bool lease_is_failing(const struct lease *l)
{
	for (unsigned i = 0; i < l->n_queues; i++)
		if (l->per_queue[i].bound && l->per_queue[i].supply.failing)
			return true;
	return false;
}

int lease_shortage_format(const struct lease *l, char **ret)
{
	*ret = NULL;
	for (unsigned i = 0; i < l->n_queues; i++)
		if (l->per_queue[i].bound && supply_is_short(&l->per_queue[i].supply))
			return format(l, i, ret);
	return 0;
}

/* How many queues have less than `enough`, and the first of them. */
static unsigned count_small(const struct device *d, uint64_t enough, const struct lease **ret, unsigned *ret_queue)
{
	const struct lease *l;
	unsigned n = 0;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		for (unsigned i = 0; l->device == d && i < l->n_queues; i++) {
			const struct lease_queue *q = &l->per_queue[i];

			if (!q->bound || q->area == 0 || q->area >= enough || n++ > 0)
				continue;
			*ret = l;
			*ret_queue = i;
		}
	return n;
}

int leases_small_area_format(const struct device *d, char **ret)
{
	_cleanup_free_ char *area = NULL, *ring = NULL, *better = NULL, *others = NULL;
	const struct lease *l = NULL;
	struct nic_demand demand;
	unsigned queue = 0, n;

	*ret = NULL;
	device_demand(d, &demand);
	n = count_small(d, demand.enough, &l, &queue);
	if (n == 0)
		return 0;
	area = format_size(l->per_queue[queue].area);
	ring = format_size(demand.ring);
	better = format_size(demand.recommended);
	if (n > 1 && asprintf(&others, ", and likewise %u more", n - 1) < 0)
		return -ENOMEM;
	if (!area || !ring || !better ||
	    asprintf(ret, "Queue %" PRIu32 " (lease %08" PRIx32 ") has an area of %s, of which the driver keeps %s in its "
			  "ring of %u entries%s; %s are recommended. See max-area in the policy, the size that the "
			  "program sets, or take a shorter ring (rx-ring).",
		     l->queues[queue], l->id, area, ring, d->observed->rx_ring, others ?: "", better) < 0)
		return -ENOMEM;
	return 0;
}
