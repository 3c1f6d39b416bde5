/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A leak into a bound queue is found and closed in one job, so that nothing else comes between.
 * zcrxd narrows an RSS table. It does not touch a foreign rule or context, nor accelerated RFS, and no driver
 * tells where a rule before that would have to lie; so that leak is closed at its other
 * end: the queue is reclaimed, and what the rule leads there is ordinary traffic to an ordinary queue.
 */
#include <errno.h>

#include "clock.h"
#include "drift-scan.h"
#include "log.h"
#include "proof-check.h"
#include "shortage.h"
#include "strays.h"

#define COUNT_EARLY_USEC (100 * 1000ULL) /* timers have some slack */

void scan_forget_found(struct drift_scan *k)
{
	free(TAKE_PTR(k->counted));
	k->state = nic_state_free(k->state);
	fault_done(&k->fault);
	fault_done(&k->close_fault);
	fault_done(&k->guard_fault);
	leases_steering_done(&k->steering);
	drift_done(&k->drift);
	k->open = k->closed = false;
	k->r = k->close_r = k->guard_r = 0;
}

struct drift_scan *drift_scan_free(struct drift_scan *k)
{
	if (!k)
		return NULL;
	scan_forget_found(k);
	free(k->bound);
	free((void *)k->held.queues);
	free(k);
	return NULL;
}

static void scan_close(struct nic *nic, struct drift_scan *k)
{
	struct step step = {};

	k->open = true;
	/* There is no queue that it could lead to instead. */
	if (k->carve_out.ordinary == 0) {
		k->close_r = fault_set(&k->close_fault, ZCRX_NOT_SUPPORTED, "rss",
				       "%s has no queue left for ordinary traffic.",
				       k->state->name);
		return;
	}
	k->close_r = rss_step(&k->carve_out, &k->held, k->state, &step);
	if (k->close_r == 0 && step.to.rss)
		k->close_r = nic->ops->apply(nic, &step, 1, &k->close_fault);
	k->closed = k->close_r == 0;
	free(step.to.rss);
}

/* They close nothing: without them it goes on. */
static void scan_count(struct nic *nic, struct drift_scan *k)
{
	_cleanup_free_ struct nic_queue *counted = calloc(k->n_bound + 1, sizeof(*counted));
	_cleanup_fault_ struct fault fault = {};

	if (counted && k->n_bound > 0 && nic->ops->counters(nic, k->bound, k->n_bound, counted, &fault) == 0)
		k->counted = TAKE_PTR(counted);
}

void scan_run(struct nic *nic, void *data)
{
	struct drift_scan *k = data;

	k->r = nic->ops->observe_steering(nic, &k->state, &k->fault);
	if (k->r == 0 && drift_table_leads(k->state, k->bound, k->n_bound))
		scan_close(nic, k);
	if (k->r == 0 && k->guarded)
		k->guard_r = nic->ops->guard_keep(nic, &k->state->guard_lost, &k->guard_fault);
	if (k->r == 0 && k->guard_r != 0)
		k->state->guard_lost = true;
	if (k->r == 0 && k->counts)
		scan_count(nic, k);
}

/* Before a restarting daemon has observed the NIC, only its leases tell which queues are in use. */
static void note_queues(struct drift_scan *k, const struct lease_steering *w, uint32_t *held)
{
	unsigned lowest = UINT32_MAX;

	for (size_t i = 0; i < w->expected.n_queues; i++) {
		const uint32_t queue = w->queues[i].queue;

		held[i] = queue;
		if (w->queues[i].bound)
			k->bound[k->n_bound++] = queue;
		if (queue < lowest)
			lowest = queue;
	}
	k->held = (struct busy_queues){ held, w->expected.n_queues };
	k->carve_out = w->expected.carve_out;
	if (k->carve_out.ordinary == 0 || k->carve_out.ordinary > lowest)
		k->carve_out = (struct carve_out){ .ordinary = lowest };
}

/* Four dumps, and what they tell is not what scans are asked for by events: those come with each Register, which
 * waits for them. */
static bool counts_are_due(const struct device *d)
{
	return d->drift.counted_usec == 0 ||
	       now_usec(CLOCK_MONOTONIC) >= d->drift.counted_usec + DRIFT_POLL_USEC - COUNT_EARLY_USEC;
}

int scan_start(struct device *d, bool settings, void (*done)(void *scan), struct drift_scan **ret)
{
	_cleanup_lease_ways_ struct lease_steering w = {};
	struct drift_scan *k = calloc(1, sizeof(*k));
	uint32_t *held;
	int r;

	r = k ? leases_steering(d, &w) : -ENOMEM;
	if (r < 0) {
		free(k);
		return r;
	}
	k->device = d;
	k->settings = settings;
	k->counts = counts_are_due(d);
	k->guarded = d->devices->backend->ops->features(d->devices->backend)->guard &&
		     d->devices->config->unsafe_kernel == UNSAFE_KERNEL_REFUSE;
	k->bound = calloc(w.expected.n_queues + 1, sizeof(*k->bound));
	held = calloc(w.expected.n_queues + 1, sizeof(*held));
	if (held)
		note_queues(k, &w, held);
	r = -ENOMEM;
	if (k->bound && held) {
		r = device_submit_reclaim(d, scan_run, done, k);
	}
	if (r < 0) {
		drift_scan_free(k);
		return r;
	}
	*ret = k;
	return 0;
}

bool scan_is_all_closed(const struct drift_scan *k)
{
	for (size_t i = 0; i < k->drift.n; i++) {
		enum drift_kind kind = k->drift.list[i].kind;

		if (!(kind == DRIFT_TABLE && k->closed) && !(kind == DRIFT_GUARD && k->guard_r == 0))
			return false;
	}
	return k->drift.n > 0;
}

int scan_evaluate(struct drift_scan *k)
{
	int r;

	/* Of now: rules that were inserted before the scan are known, and it has not seen later ones. */
	r = leases_steering(k->device, &k->steering);
	k->n_touched = k->device->drift.n_touched;
	if (r == 0)
		r = drift_find_leaks(k->state, &k->steering.expected, &k->drift);
	if (r == 0)
		leases_note_taken(k->device, k->drift.taken);
	if (r == 0) {
		proofs_retry_removals(k->device);
		k->strays = strays_remove(k->device, k->state);
	}
	scan_reclaim(k, DRIFT_RULE);
	scan_reclaim(k, DRIFT_RFS);
	if (k->counted) {
		k->device->drift.counted_usec = now_usec(CLOCK_MONOTONIC);
		leases_note_supply(k->device, k->bound, k->counted, k->n_bound);
		device_note_counts(k->device, k->bound, k->counted, k->n_bound);
	}
	return r;
}

/* A queue that became bound since was checked when it did. */
static bool was_bound(const struct drift_scan *k, uint32_t queue)
{
	for (size_t i = 0; i < k->n_bound; i++)
		if (k->bound[i] == queue)
			return true;
	return false;
}

void scan_reclaim(const struct drift_scan *k, enum drift_kind kind)
{
	const struct drift_expected *e = &k->steering.expected;

	for (size_t i = 0; i < k->drift.n; i++) {
		const struct deviation *v = &k->drift.list[i];

		for (size_t q = 0; v->kind == kind && q < e->n_queues; q++)
			if (v->affected[q] && e->queues[q].bound && was_bound(k, e->queues[q].queue))
				lease_revoke_leaking(k->device->devices->leases, e->queues[q].lease,
						     v->text);
	}
}
