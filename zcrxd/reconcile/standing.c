/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See standing.h. It has no judgement: it compares with what the last scan was judged by, and whatever differs is handed
 * to the loop, as a scan that the loop had asked for. So are proofs and rings, which the loop then asks about
 * itself. What is compared is a copy, made when nothing was under way; whoever changes what it was made of ends the look
 * first (leases.c calls for that with each operation of a lease).
 */
#include <errno.h>

#include "abandoned.h"
#include "drift-scan.h"
#include "drift-watch.h"
#include "log.h"
#include "proof-check.h"
#include "proof-look.h"
#include "shortage.h"
#include "standing.h"
#include "unbind.h"

struct standing {
	struct drift_scan *scan;   /* what the next look finds; its device's if that does not have it */
	struct nic_state *before;  /* what the last one found */
	struct nic_queue *counted; /* likewise, of each bound queue; NULL if it could not */
	struct queue_counts *shared; /* of these, what metrics tell: the worker writes it, the loop reads it, field by field */
	struct proof_look *proofs;
	struct ring_look *rings;
	bool proof_news, ring_news;
};

static void standing_free(struct standing *s)
{
	drift_scan_free(s->scan);
	nic_state_free(s->before);
	free(s->counted);
	free(s->shared);
	proof_look_free(s->proofs);
	ring_look_free(s->rings);
	free(s);
}

/* -------------------------------------------------------------------------- on the worker */

#define SHARE(to, from) __atomic_store_n(&(to), (from), __ATOMIC_RELAXED)
#define SHARED(from) __atomic_load_n(&(from), __ATOMIC_RELAXED)

/* Packets that come are no news, and are told to who asks. */
static void share_counts(struct standing *s)
{
	for (size_t i = 0; s->counted && i < s->scan->n_bound; i++) {
		const struct nic_queue *q = &s->counted[i];
		struct queue_counts *c = &s->shared[i];

		SHARE(c->packets, q->packets);
		SHARE(c->bytes, q->bytes);
		SHARE(c->drops, q->drops);
		__atomic_store_n(&c->known, q->has_counters, __ATOMIC_RELEASE);
	}
}

static bool counts_are_news(const struct standing *s)
{
	const struct drift_scan *k = s->scan;

	if (!s->counted != !k->counted)
		return true;
	for (size_t i = 0; k->counted && i < k->n_bound; i++)
		if (supply_is_news(&s->counted[i], &k->counted[i]))
			return true;
	return false;
}

static bool scan_is_news(const struct standing *s)
{
	const struct drift_scan *k = s->scan;

	return k->r != 0 || k->open || k->guard_r != 0 || !nic_state_same_steering(s->before, k->state) ||
	       counts_are_news(s);
}

/* Proofs first: they do not wait for the driver. */
static bool look(struct nic *nic, void *data)
{
	struct standing *s = data;
	struct drift_scan *k = s->scan;

	s->proof_news = proof_look_is_news(s->proofs);
	s->ring_news = ring_look_is_news(s->rings);
	scan_run(nic, k);
	if (scan_is_news(s) || s->proof_news || s->ring_news)
		return true;
	nic_state_free(s->before);
	s->before = TAKE_PTR(k->state);
	free(s->counted);
	s->counted = TAKE_PTR(k->counted);
	share_counts(s);
	scan_forget_found(k);
	return false;
}

/* ---------------------------------------------------------------------------- on the loop */

static void poll_again(struct device *d)
{
	struct leases *leases = d->devices->leases;
	int r = proofs_watch(leases);

	if (r >= 0)
		r = leases_watch_rings(leases);
	if (r < 0)
		log_errno(r, "Cannot arm a timer for %s", device_name(d));
	drift_poll(d);
}

/* What was counted since the last scan, before what is counted now. */
static void note_counted(const struct standing *s, const struct drift_scan *k)
{
	if (!s->counted)
		return;
	leases_note_supply(k->device, k->bound, s->counted, k->n_bound);
	device_note_counts(k->device, k->bound, s->counted, k->n_bound);
}

void standing_tell_counts(struct device *d)
{
	const struct standing *s = d->drift.standing;

	for (size_t i = 0; s && i < s->scan->n_bound; i++) {
		const struct queue_counts *from = &s->shared[i];
		struct queue_counts *to = s->scan->bound[i] < d->counts.n_queues ? &d->counts.queues[s->scan->bound[i]] : NULL;

		if (!to || !to->known || !__atomic_load_n(&from->known, __ATOMIC_ACQUIRE))
			continue;
		to->packets = SHARED(from->packets);
		to->bytes = SHARED(from->bytes);
		to->drops = SHARED(from->drops);
	}
}

/* It was ended while it ran, and may have found nothing, or the interface has been forgotten. */
static void look_done(void *data)
{
	struct standing *s = data;
	struct drift_scan *k = TAKE_PTR(s->scan);
	struct device *d = k->device;

	if (d->drift.standing == s) {
		d->drift.standing = NULL;
		d->drift.scan = k;
		poll_again(d);
	}
	if (d->drift.scan == k) {
		note_counted(s, k);
		if (s->proof_news)
			proofs_check(d->devices->leases);
		if (s->ring_news)
			leases_unbind_abandoned(d->devices->leases);
		if (!k->state && k->r == 0)
			k->state = TAKE_PTR(s->before);
	}
	standing_free(s);
	drift_scanned(k);
}

static void look_late(void *data)
{
	struct standing *s = data;
	struct device *d = s->scan->device;

	drift_request_scan(d, false);
	proofs_check(d->devices->leases);
	leases_unbind_abandoned(d->devices->leases);
}

void standing_end(struct device *d)
{
	struct standing *s = TAKE_PTR(d->drift.standing);

	d->drift.n_touched++;
	if (!s)
		return;
	if (device_look_end(d)) {
		note_counted(s, s->scan);
		standing_free(s);
	} else
		d->drift.scan = s->scan;
	poll_again(d);
}

void standing_forget(struct device *d)
{
	struct standing *s = TAKE_PTR(d->drift.standing);

	if (s && device_look_end(d))
		standing_free(s);
}

static bool leases_are_at_rest(const struct device *d)
{
	const struct lease *l;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		if (l->device == d && (l->n_busy > 0 || l->state == LEASE_DRAINING || l->state == LEASE_QUARANTINED ||
				       lease_is_unbinding(l) || lease_is_failing(l)))
			return false;
	return true;
}

static bool is_at_rest(const struct drift_scan *k)
{
	const struct device *d = k->device;

	return device_is_open(d) && !d->detached && k->r == 0 && k->state && !k->open && !k->state->guard_lost &&
	       k->drift.n == 0 && !k->strays && k->n_touched == d->drift.n_touched && !d->drift.standing &&
	       d->drift.n_repairing == 0 && drift_is_at_rest(&d->drift.watch) && leases_need_monitoring(d) &&
	       leases_are_at_rest(d);
}

static int start(struct drift_scan *k, struct standing *s)
{
	int r;

	s->shared = calloc(k->n_bound + 1, sizeof(*s->shared));
	if (s->shared)
		share_counts(s);
	r = s->shared ? proof_look_new(k->device, &s->proofs) : -ENOMEM;
	if (r == 0)
		r = ring_look_new(k->device, &s->rings);
	if (r == 0)
		r = device_look(k->device, DRIFT_LOOK_USEC, look, look_done, look_late, s);
	return r;
}

bool standing_start(struct drift_scan *k)
{
	struct standing *s = is_at_rest(k) ? calloc(1, sizeof(*s)) : NULL;

	if (!s)
		return false;
	s->scan = k;
	s->before = TAKE_PTR(k->state);
	s->counted = TAKE_PTR(k->counted);
	scan_forget_found(k);
	k->counts = true;
	if (start(k, s) < 0) { /* the loop looks */
		s->scan = NULL;
		standing_free(s);
		return false;
	}
	k->device->drift.standing = s;
	return true;
}
