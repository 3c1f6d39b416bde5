/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See inventory.h. The array has one element for each carved-out queue; indices of queues are the
 * hardware's everywhere outside of this file.
 */
#include "inventory.h"

static struct inventory_queue *find(const struct inventory *i, uint32_t queue)
{
	if (queue < i->carve_out.zero_copy_first ||
	    queue - i->carve_out.zero_copy_first >= i->carve_out.zero_copy_count)
		return NULL;
	return &i->queues[queue - i->carve_out.zero_copy_first];
}

static bool is_free(const struct inventory_queue *q)
{
	return q->lease == 0 && !q->quarantine;
}

void inventory_init(struct inventory *i)
{
	*i = (struct inventory) {};
}

void inventory_done(struct inventory *i)
{
	for (unsigned n = 0; n < i->carve_out.zero_copy_count; n++)
		free(i->queues[n].quarantine);
	free(i->queues);
	inventory_init(i);
}

int inventory_resize(struct inventory *i, const struct carve_out *c)
{
	struct inventory next = { .carve_out = *c };

	next.queues = calloc(c->zero_copy_count ?: 1, sizeof(*next.queues));
	if (!next.queues)
		return -ENOMEM;
	for (unsigned n = 0; n < i->carve_out.zero_copy_count; n++) {
		struct inventory_queue *to = find(&next, i->carve_out.zero_copy_first + n);

		if (to) {
			*to = i->queues[n];
		} else if (i->queues[n].lease != 0) {
			free(next.queues);
			return -EBUSY;
		}
	}
	for (unsigned n = 0; n < i->carve_out.zero_copy_count; n++)
		if (!find(&next, i->carve_out.zero_copy_first + n))
			free(i->queues[n].quarantine);
	free(i->queues);
	*i = next;
	return 0;
}

static unsigned first_to_lease(const struct inventory *i)
{
	const struct carve_out *c = &i->carve_out;

	return c->lease_first > c->zero_copy_first ? c->lease_first - c->zero_copy_first : 0;
}

static unsigned end_to_lease(const struct inventory *i)
{
	const struct carve_out *c = &i->carve_out;

	return c->lease_op_end > 0 ? c->lease_op_end - c->zero_copy_first : c->zero_copy_count;
}

unsigned inventory_free_count(const struct inventory *i)
{
	unsigned count = 0;

	for (unsigned n = first_to_lease(i); n < end_to_lease(i); n++)
		count += is_free(&i->queues[n]);
	return count;
}

bool inventory_reserve(struct inventory *i, uint32_t lease, unsigned n, uint32_t *ret_queues)
{
	unsigned taken = 0;

	if (inventory_free_count(i) < n)
		return false;
	for (unsigned q = first_to_lease(i); taken < n; q++)
		if (is_free(&i->queues[q])) {
			i->queues[q].lease = lease;
			ret_queues[taken++] = i->carve_out.zero_copy_first + q;
		}
	return true;
}

int inventory_refuse(const struct inventory *i, const char *interface, unsigned asked,
		     const char *more, struct fault *reterr)
{
	_cleanup_free_ char *quarantined = NULL;
	unsigned n = 0, first = 0;

	for (unsigned q = first_to_lease(i); q < end_to_lease(i); q++)
		if (i->queues[q].quarantine && n++ == 0)
			first = q;
	if (n > 0 && asprintf(&quarantined, " %u %s quarantined; queue %u: %s.", n, n == 1 ? "is" : "are",
			      i->carve_out.zero_copy_first + first, i->queues[first].quarantine) < 0)
		quarantined = NULL;
	return fault_set(reterr, ZCRX_NO_QUEUE_AVAILABLE, interface,
			 "%s has %u of %u zero-copy queues free, %u asked.%s%s%s See zcrxctl status %s.",
			 interface, inventory_free_count(i), i->carve_out.zero_copy_count, asked,
			 quarantined ?: "", *more ? " " : "", more, interface);
}

int inventory_take_queue(struct inventory *i, uint32_t lease, uint32_t queue)
{
	struct inventory_queue *q = find(i, queue);

	if (!q)
		return -ERANGE;
	if (!is_free(q) && q->lease != lease)
		return -EBUSY;
	q->lease = lease;
	return 0;
}

void inventory_release(struct inventory *i, uint32_t lease)
{
	for (unsigned n = 0; n < i->carve_out.zero_copy_count; n++)
		if (i->queues[n].lease == lease)
			i->queues[n].lease = 0;
}

int inventory_quarantine(struct inventory *i, uint32_t queue, const char *reason)
{
	struct inventory_queue *q = find(i, queue);
	char *copy;

	if (!q)
		return -ERANGE;
	copy = strdup(reason);
	if (!copy)
		return -ENOMEM;
	free(q->quarantine);
	*q = (struct inventory_queue) { .quarantine = copy };
	return 0;
}

void inventory_clear_quarantine(struct inventory *i, uint32_t queue)
{
	struct inventory_queue *q = find(i, queue);

	if (!q)
		return;
	free(q->quarantine);
	q->quarantine = NULL;
}

const struct inventory_queue *inventory_get(const struct inventory *i, uint32_t queue)
{
	return find(i, queue);
}
