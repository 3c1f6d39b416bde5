/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Are the rings of leases there? That one was closed is no event. What shows it is the epoll that watches it
 * (nic_backend_ops.count_rings), and what follows is unbind.c's.
 */
#include <errno.h>

#include "abandoned.h"
#include "flows.h"
#include "unbind.h"

#define LOOK_USEC (1000 * 1000ULL)
#define RING_KEYS_MAX (2 * LEASE_QUEUES_MAX)

static uint64_t ring_key(const struct lease *l, unsigned queue)
{
	return l->grant.kind == GRANT_SOFTWARE ? l->queues[queue] : nic_ring_key(l->id, queue);
}

static bool is_watched(const struct lease *l)
{
	for (unsigned i = 0; i < l->n_queues; i++)
		if (l->per_queue[i].bound && !l->per_queue[i].watched)
			return false;
	return l->state == LEASE_BOUND || (l->state == LEASE_STEERED && !l->self_registered);
}

static size_t list_keys(const struct lease *l, unsigned first, unsigned end, uint64_t *ret)
{
	size_t n = 0;

	for (unsigned i = first; i < end; i++) {
		if (!l->per_queue[i].bound)
			continue;
		ret[n++] = ring_key(l, i);
		ret[n++] = ring_key(l, i) | NIC_RING_UNCOUNTED;
	}
	return n;
}

/* Of the queues from `first` to before `end` that are bound; false if that is not known. */
static bool rings_are_closed(struct lease *l, unsigned first, unsigned end)
{
	struct nic_backend *b = l->leases->backend;
	uint64_t keys[RING_KEYS_MAX] = {};
	unsigned found[RING_KEYS_MAX] = {};
	size_t n = list_keys(l, first, end, keys);

	if (b->ops->count_rings(b, keys, n, found) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (found[i] > 0)
			return false;
	return true;
}

bool lease_is_abandoned(struct lease *l)
{
	/* Where no export of ours kept the ifq, the kernel has freed the queue; its rules are there. */
	return is_watched(l) && (lease_is_bound(l) || l->state == LEASE_STEERED) &&
	       rings_are_closed(l, 0, l->n_queues);
}

bool lease_can_be_taken_over(struct lease *l, unsigned queue)
{
	const struct lease_queue *q = &l->per_queue[queue];

	return q->bound && q->watched && q->export_fd >= 0 && !lease_is_unbinding(l) &&
	       rings_are_closed(l, queue, queue + 1);
}

void leases_unbind_abandoned(struct leases *leases)
{
	struct lease *l, *next;

	for (l = TAILQ_FIRST(&leases->list); l; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (!lease_is_unbinding(l) && lease_is_abandoned(l))
			(void)lease_unbind(l, NULL, NULL);
	}
}

static int on_look(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct leases *leases = userdata;

	leases_unbind_abandoned(leases);
	return leases_watch_rings(leases);
}

int leases_watch_rings(struct leases *leases)
{
	int enabled = SD_EVENT_OFF;
	const struct lease *l;

	if (leases->ring_timer)
		(void)sd_event_source_get_enabled(leases->ring_timer, &enabled);
	if (enabled != SD_EVENT_OFF)
		return 0;
	TAILQ_FOREACH(l, &leases->list, entry)
		if (is_watched(l) && !device_has_look(l->device))
			return loop_arm_protection(leases->loop, &leases->ring_timer, LOOK_USEC, on_look,
						   leases);
	return 0;
}

/* ---------------------------------------------------------------------- on a worker's thread */

/* Of one lease after the other: `last` is set with the last key of each. */
struct ring_look {
	struct nic_backend *backend;
	uint64_t *keys;
	unsigned *found;
	bool *last;
	size_t n;
};

struct ring_look *ring_look_free(struct ring_look *k)
{
	if (!k)
		return NULL;
	free(k->keys);
	free(k->found);
	free(k->last);
	free(k);
	return NULL;
}

int ring_look_new(const struct device *d, struct ring_look **ret)
{
	_cleanup_(ring_look_freep) struct ring_look *k = calloc(1, sizeof(*k));
	const size_t most = (size_t)d->n_leases * RING_KEYS_MAX + 1;
	const struct lease *l;

	if (!k)
		return -ENOMEM;
	k->backend = d->devices->backend;
	k->keys = calloc(most, sizeof(*k->keys));
	k->found = calloc(most, sizeof(*k->found));
	k->last = calloc(most, sizeof(*k->last));
	if (!k->keys || !k->found || !k->last)
		return -ENOMEM;
	TAILQ_FOREACH(l, &d->devices->leases->list, entry) {
		size_t n;

		if (l->device != d || !is_watched(l))
			continue;
		n = list_keys(l, 0, l->n_queues, k->keys + k->n);
		if (n == 0 || lease_is_unbinding(l)) /* there is something to be done */
			return -EBUSY;
		k->n += n;
		k->last[k->n - 1] = true;
	}
	*ret = TAKE_PTR(k);
	return 0;
}

bool ring_look_is_news(struct ring_look *k)
{
	unsigned of_lease = 0;

	if (k->n == 0 || k->backend->ops->count_rings(k->backend, k->keys, k->n, k->found) < 0)
		return false;
	for (size_t i = 0; i < k->n; i++) {
		of_lease += k->found[i];
		if (k->last[i] && of_lease == 0)
			return true;
		if (k->last[i])
			of_lease = 0;
	}
	return false;
}
