/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What to do about what a look has found, and what to say. States are compared, never events: what we
 * change ourselves is no drift, the notifications of it only cause a look that finds nothing.
 *
 * What nobody tells (rules; a table set by the old ioctl) is looked at once a second, and only while
 * there is an ifq on some queue.
 */
#include <errno.h>

#include "clock.h"
#include "drift-scan.h"
#include "drift-watch.h"
#include "log.h"
#include "pending.h"

#define POLL_USEC (1000 * 1000ULL)
/* Again, as long as something is not as it should be: doubled each time. */
#define AGAIN_USEC (1000 * 1000ULL)
#define AGAIN_DOUBLED_MOST 6
#define backoff(n) (AGAIN_USEC << ((n) < AGAIN_DOUBLED_MOST ? (n) : AGAIN_DOUBLED_MOST))
/* Tries to close a table before the queues behind it are taken back. */
#define OPEN_TRIES 3
#define OPEN_AGAIN_USEC (20 * 1000ULL)

/* ---------------------------------------------------------------------------- judging */

static void conclude(struct drift_scan *k)
{
	_cleanup_free_ char *text = NULL;
	struct device *d = k->device;
	struct drift_watch *w = &d->drift;
	uint64_t now = now_usec(CLOCK_MONOTONIC), from;
	bool may;

	if (drift_format(&k->drift, &k->ways.expected, &text) < 0)
		log_errno(-ENOMEM, "Cannot format the drift of %s", d->name);
	if (!text) {
		drift_resolved(d);
	} else {
		/* A client need only listen where somebody has a rule: that is to slow nothing down. */
		w->taken_only = drift_is_taken_only(&k->drift);
		from = w->taken_only ? now : drift_ratelimit_next(&w->pace, now);
		drift_report(d, text, from > now);
		may = w->asked || (from <= now && (w->repairs == 0 || now >= w->due));
		w->due = may ? now + backoff(w->repairs++) : from > now ? from : w->due;
		if (scan_is_all_closed(k))
			drift_resolved(d);
		else if (may && (w->asked || d->devices->config->on_drift == ON_DRIFT_REPAIR)) {
			w->asked = false;
			drift_repair(k);
			return;
		}
	}
	w->scan = drift_scan_free(w->scan);
	drift_next(d);
}

/* By what was observed after it. Then what was looked at is not how it is any more. */
static bool was_opened_since(const struct drift_scan *k)
{
	return device_is_managed(k->device) && !k->open &&
	       drift_table_leads(k->device->observed, k->bound, k->n_bound);
}

static int find_settings(struct drift_scan *k)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	_cleanup_fault_ struct fault fault = {};
	int r;

	r = device_plan(k->device, &plan, &fault);
	if (r > 0)
		return drift_add_setting(fault.message, &k->ways.expected, &k->drift);
	return r < 0 ? r : drift_find_settings(plan, &k->ways.expected, &k->drift);
}

/* Whatever it was to see is looked for again, soon. */
static void look_failed(struct drift_scan *k, int r, const struct fault *fault)
{
	struct device *d = k->device;

	drift_report_failure(d, r, fault);
	d->drift.failures++;
	d->drift.missed |= k->settings;
	d->drift.scan = drift_scan_free(k);
	drift_next(d);
}

static void on_observed(struct device *d, const struct device_report *report, void *userdata)
{
	struct drift_scan *k = userdata;
	int r = report->r;

	if (d->drift.scan != k || !device_is_open(d)) { /* it has been forgotten */
		if (d->drift.scan == k)
			d->drift.scan = NULL;
		drift_scan_free(k);
		return;
	}
	if (r == 0 && was_opened_since(k)) {
		d->drift.scan = drift_scan_free(k);
		drift_request_scan(d, true);
		return;
	}
	if (r > 0)
		r = drift_add_setting(report->fault->message, &k->ways.expected, &k->drift);
	else if (r == 0)
		r = find_settings(k);
	if (r < 0) {
		look_failed(k, r, NULL);
		return;
	}
	d->drift.missed = false;
	conclude(k);
}

/* A table that cannot be closed at its beginning is closed at its end, as a rule is; so is a flow that
 * cannot be guarded. */
static void check_open(struct drift_scan *k)
{
	struct drift_watch *w = &k->device->drift;
	bool table = k->open && !k->closed;

	if (!table && k->guard_r == 0) {
		w->close_attempts = 0;
		return;
	}
	if (table)
		drift_report_failure(k->device, k->close_r, &k->close_fault);
	else
		drift_report_failure(k->device, k->guard_r, &k->guard_fault);
	if (++w->close_attempts < OPEN_TRIES)
		return;
	if (table)
		scan_reclaim(k, DRIFT_TABLE);
	if (k->guard_r != 0)
		scan_reclaim(k, DRIFT_GUARD);
}

static void scan_done(void *data)
{
	_cleanup_free_ char *ways = NULL;
	struct drift_scan *k = data;
	struct device *d = k->device;
	struct drift_watch *w = &d->drift;
	int r = k->r;

	if (w->scan != k) { /* it has been forgotten */
		drift_scan_free(k);
		return;
	}
	if (r == 0 && !device_is_open(d))
		r = ZCRX_NO_SUCH_INTERFACE;
	if (r == 0)
		r = scan_evaluate(k);
	if (r == 0)
		r = drift_format(&k->drift, &k->ways.expected, &ways);
	if (r == 0) {
		w->failures = 0;
		if (!w->found)
			drift_replace(&w->failure, NULL);
		check_open(k);
		k->settings |= k->open || k->state->guard_lost || !drift_same(ways, w->ways);
		drift_replace(&w->ways, k->closed || scan_is_all_closed(k) ? NULL : ways);
	} else if (r != ZCRX_NO_SUCH_INTERFACE) {
		look_failed(k, r, &k->fault);
		return;
	}
	if (r == 0 && k->settings && device_phase_is_settled(d->phase) && device_refresh(d, on_observed, k) == 0)
		return;
	if (r == 0 && k->settings)
		conclude(k);
	else {
		w->scan = drift_scan_free(w->scan);
		drift_next(d);
	}
}

/* ------------------------------------------------------------------------------- when */

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct device *d = userdata;

	(void)s;
	(void)usec;
	drift_request_scan(d, d->drift.missed || (d->drift.due > 0 &&
						  now_usec(CLOCK_MONOTONIC) >= d->drift.due));
	return 0;
}

static void look_in(struct device *d, uint64_t usec)
{
	struct drift_watch *w = &d->drift;
	int r;

	if (!w->timer) {
		r = sd_event_add_time_relative(d->devices->loop->event, &w->timer, CLOCK_MONOTONIC, usec,
					       0, on_timer, d);
		if (r >= 0)
			loop_set_protection(w->timer);
	} else
		r = sd_event_source_set_time_relative(w->timer, usec);
	if (r >= 0)
		r = sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
	if (r < 0 && r != -ESTALE) /* the daemon ends */
		log_errno(r, "Cannot arm a timer for %s", device_name(d));
}

/* After a look. */
void drift_next(struct device *d)
{
	struct drift_watch *w = &d->drift;
	uint64_t now = now_usec(CLOCK_MONOTONIC), wait = UINT64_MAX;

	if (w->again) {
		w->again = false;
		drift_request_scan(d, w->again_settings);
		return;
	}
	if (leases_need_monitoring(d))
		wait = w->close_attempts > 0 ? OPEN_AGAIN_USEC : POLL_USEC;
	if (w->found && w->due > 0 && w->due - now < wait)
		wait = w->due > now ? w->due - now : 0;
	if (w->failures > 0 && wait > backoff(w->failures - 1))
		wait = backoff(w->failures - 1);
	if (wait != UINT64_MAX)
		look_in(d, wait);
}

void drift_request_scan(struct device *d, bool settings)
{
	struct drift_watch *w = &d->drift;
	int r;

	if (!device_is_open(d))
		return;
	if (w->scan) {
		w->again_settings = (w->again && w->again_settings) || settings;
		w->again = true;
		return;
	}
	settings = settings && device_phase_is_settled(d->phase);
	if (!settings && !w->found && !leases_need_monitoring(d))
		return;
	r = scan_start(d, settings, scan_done, &w->scan);
	if (r < 0) {
		log_errno(r, "Cannot read the state of %s", d->name);
		w->missed |= settings;
		look_in(d, POLL_USEC);
	}
}

void drift_mark(struct device *d)
{
	if (!d->drift.found)
		drift_report(d, "it differs from its configuration", true);
	drift_set_reason(d);
	drift_request_scan(d, true);
}

void drift_after_apply(struct device *d, bool drifted)
{
	d->drift.asked = drifted;
	drift_request_scan(d, drifted);
}

void drift_monitor_start(struct device *d)
{
	int enabled = SD_EVENT_OFF;

	if (d->drift.scan || !leases_need_monitoring(d))
		return;
	if (d->drift.timer)
		(void)sd_event_source_get_enabled(d->drift.timer, &enabled);
	if (enabled == SD_EVENT_OFF)
		look_in(d, POLL_USEC);
}

void drift_reset(struct device *d)
{
	struct drift_watch *w = &d->drift;

	/* With a job under way it belongs to that. */
	if (w->n_repairing > 0)
		drift_scan_free(w->scan);
	sd_event_source_disable_unref(w->timer);
	free(w->found);
	free(w->ways);
	free(w->failure);
	*w = (struct drift_watch){};
}
