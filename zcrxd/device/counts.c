/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See counts.h.
 */
#include "device.h"

/* NULL: no memory, and the next look is a second away. */
static struct queue_counts *counts_of(struct device_counts *c, uint32_t queue)
{
	struct queue_counts *more;

	if (queue < c->n_queues)
		return &c->queues[queue];
	more = reallocarray(c->queues, (size_t)queue + 1, sizeof(*more));
	if (!more)
		return NULL;
	memset(more + c->n_queues, 0, (queue + 1 - c->n_queues) * sizeof(*more));
	c->queues = more;
	c->n_queues = (size_t)queue + 1;
	return &c->queues[queue];
}

void device_note_counts(struct device *d, const uint32_t *queues, const struct nic_queue *counted, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct nic_queue *q = &counted[i];
		struct queue_counts *c = q->has_counters ? counts_of(&d->counts, queues[i]) : NULL;

		if (c)
			*c = (struct queue_counts){
				.known = true, .packets = q->packets, .bytes = q->bytes,
				.has_failures = q->has_failures, .failures = q->failures,
				.has_drops = q->has_drops, .drops = q->drops,
			};
	}
}

void device_counts_done(struct device_counts *c)
{
	free(c->queues);
	*c = (struct device_counts){};
}
