/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When to scan for drift, and to perform what drift_step() makes of it. States are compared, never events:
 * zcrxd's own changes are no drift, and their notifications only cause a scan that finds nothing.
 *
 * Rules, and a table that the old ioctl sets, are not notified: they are polled once a second, and only
 * while some queue has an ifq; where nothing happens, by the worker alone (standing.c).
 */
#include <errno.h>

#include "attach.h"
#include "clock.h"
#include "drift-scan.h"
#include "drift-watch.h"
#include "log.h"
#include "pending.h"
#include "serving.h"
#include "standing.h"

/* ---------------------------------------------------------------------------- results */

static void conclude(struct drift_scan *k)
{
	struct device *d = k->device;
	const struct drift_finding finding = { .digest = drift_digest(&k->drift, &k->steering.expected),
					       .taken_only = drift_is_taken_only(&k->drift),
					       .closed = scan_is_all_closed(k) };
	unsigned actions = drift_step(&d->drift.watch, &finding, now_usec(CLOCK_MONOTONIC),
				      d->devices->config->on_drift == ON_DRIFT_REPAIR);

	drift_report(d, actions, k);
	if (actions & DRIFT_REPAIR) {
		drift_repair(k);
		return;
	}
	drift_over(k);
}

/* A leak that was observed after the scan, whose results are not valid any more. */
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
		return drift_add_setting(fault.message, &k->steering.expected, &k->drift);
	for (size_t i = 0; r == 0 && i < plan->n_steps; i++)
		if (plan->steps[i].follows_leases && k->device->devices->config->on_drift == ON_DRIFT_REPAIR)
			device_serve(k->device);
	return r < 0 ? r : drift_find_settings(plan, &k->steering.expected, &k->drift);
}

/* It is repeated soon. */
static void scan_failed(struct drift_scan *k, int r, const struct fault *fault)
{
	struct device *d = k->device;

	drift_report_failure(d, r, fault);
	drift_scan_failed(&d->drift.watch, k->settings);
	if (nic_is_detached(r, fault))
		drift_report_detached(d, fault);
	drift_over(k);
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
		r = drift_add_setting(report->fault->message, &k->steering.expected, &k->drift);
	else if (r == 0)
		r = find_settings(k);
	if (r < 0) {
		scan_failed(k, r, NULL);
		return;
	}
	d->drift.watch.missed = false;
	conclude(k);
}

/* A table that cannot be closed at its beginning is closed at its end, as a rule is; so is a flow that
 * cannot be guarded. */
static unsigned steering_scanned(struct drift_scan *k)
{
	struct device_drift *w = &k->device->drift;
	bool table = k->open && !k->closed;
	const struct drift_steering found = { .digest = drift_digest(&k->drift, &k->steering.expected),
					      .settings = k->settings,
					      .opened = k->open || k->state->guard_lost,
					      .left_open = table || k->guard_r != 0,
					      .closed = k->closed || scan_is_all_closed(k) };
	unsigned actions = drift_steering_step(&w->watch, &found);

	if (!w->watch.found)
		drift_replace(&w->failure, NULL);
	if (actions & DRIFT_TELL_LEFT_OPEN)
		drift_report_failure(k->device, table ? k->close_r : k->guard_r,
				     table ? &k->close_fault : &k->guard_fault);
	if (actions & DRIFT_RECLAIM && table)
		scan_reclaim(k, DRIFT_TABLE);
	if (actions & DRIFT_RECLAIM && k->guard_r != 0)
		scan_reclaim(k, DRIFT_GUARD);
	return actions;
}

void drift_scanned(void *data)
{
	struct drift_scan *k = data;
	struct device *d = k->device;
	int r = k->r;

	if (d->drift.scan != k) { /* it has been forgotten */
		drift_scan_free(k);
		return;
	}
	if (r == 0 && !device_is_open(d))
		r = ZCRX_NO_SUCH_INTERFACE;
	if (r == 0 && d->detached && device_is_managed(d))
		device_reconfigure(d);
	if (r == 0)
		r = scan_evaluate(k);
	if (r != 0 && r != ZCRX_NO_SUCH_INTERFACE) {
		scan_failed(k, r, &k->fault);
		return;
	}
	k->settings = r == 0 && steering_scanned(k) & DRIFT_SCAN_SETTINGS;
	if (k->settings && device_phase_is_settled(d->phase) && device_refresh(d, on_observed, k) == 0)
		return;
	if (k->settings) {
		conclude(k);
		return;
	}
	drift_over(k);
}

/* ------------------------------------------------------------------------------- when */

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct device *d = userdata;

	drift_request_scan(d, drift_wants_settings(&d->drift.watch, now_usec(CLOCK_MONOTONIC)));
	return 0;
}

static void scan_in(struct device *d, uint64_t usec)
{
	int r = loop_arm_protection(d->devices->loop, &d->drift.timer, usec, on_timer, d);

	if (r < 0)
		log_errno(r, "Cannot arm a timer for %s", device_name(d));
}

/* A timer that was armed before looks once more, unless it is not needed any more. */
static void arrange_next(struct device *d)
{
	struct device_drift *w = &d->drift;
	uint64_t wait = drift_wait(&w->watch, now_usec(CLOCK_MONOTONIC), leases_need_monitoring(d) && !w->standing);

	if (wait != UINT64_MAX)
		scan_in(d, wait);
	else if (w->timer)
		(void)sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
}

void drift_over(struct drift_scan *k)
{
	struct device *d = k->device;
	struct device_drift *w = &d->drift;

	w->scan = NULL;
	if (w->again || !standing_start(k))
		drift_scan_free(k);
	if (w->again) {
		w->again = false;
		drift_request_scan(d, w->again_settings);
		return;
	}
	arrange_next(d);
}

void drift_poll(struct device *d)
{
	if (!d->drift.scan)
		arrange_next(d);
}

void drift_request_scan(struct device *d, bool settings)
{
	struct device_drift *w = &d->drift;
	int r;

	if (!device_is_open(d))
		return;
	standing_end(d);
	if (w->scan) {
		w->again_settings = (w->again && w->again_settings) || settings;
		w->again = true;
		return;
	}
	settings = settings && device_phase_is_settled(d->phase);
	if (!settings && !w->watch.found && !leases_need_monitoring(d))
		return;
	r = scan_start(d, settings, drift_scanned, &w->scan);
	if (r < 0) {
		log_errno(r, "Cannot read the state of %s", d->name);
		w->watch.missed |= settings;
		scan_in(d, DRIFT_POLL_USEC);
	}
}

void drift_mark(struct device *d)
{
	if (!d->drift.watch.found) {
		(void)drift_note(&d->drift.watch, DRIFT_UNKNOWN, true);
		drift_replace(&d->drift.text, "it differs from its configuration");
	}
	drift_set_reason(d);
	drift_request_scan(d, true);
}

void drift_after_apply(struct device *d, bool drifted)
{
	d->drift.watch.asked = drifted;
	drift_request_scan(d, drifted);
}

void drift_monitor_start(const struct lease *l)
{
	struct device *d = l->device;
	int enabled = SD_EVENT_OFF;

	if (d->drift.scan || !lease_needs_monitoring(l))
		return;
	if (d->drift.timer)
		(void)sd_event_source_get_enabled(d->drift.timer, &enabled);
	if (enabled == SD_EVENT_OFF)
		scan_in(d, DRIFT_POLL_USEC);
}

void drift_reset(struct device *d)
{
	struct device_drift *w = &d->drift;

	standing_forget(d);
	/* With a job under way it belongs to that. */
	if (w->n_repairing > 0)
		drift_scan_free(w->scan);
	sd_event_source_disable_unref(w->timer);
	free(w->text);
	free(w->failure);
	*w = (struct device_drift){};
}
