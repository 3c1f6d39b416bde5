/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What differs is put back: settings by a plan, what is a lease's by itself. See drift-scan.h.
 */
#include <errno.h>

#include "drift-scan.h"
#include "drift-watch.h"
#include "rules.h"
#include "rss.h"

static void repair_ended(struct device *d, int r, const struct fault *fault)
{
	struct device_drift *w = &d->drift;

	if (w->n_repairing == 0) /* it has been forgotten */
		return;
	if (r != 0) {
		w->repair_failed = true;
		drift_report_failure(d, r, fault);
	}
	if (--w->n_repairing > 0)
		return;
	if (w->repair_failed) {
		drift_set_reason(d);
		drift_over(w->scan);
		return;
	}
	w->scan = drift_scan_free(w->scan);
	drift_request_scan(d, true); /* is it? */
}

/* The leak arose after the scans, and is repaired now: this reports it. */
static void tell_opened_since(struct device *d, const struct nic_state *found)
{
	struct drift_scan *k = d->drift.scan;
	struct drift_watch *w = &d->drift.watch;

	if (k->open || !drift_table_leads(found, k->bound, k->n_bound))
		return;
	drift_done(&k->drift);
	if (drift_find_leaks(found, &k->steering.expected, &k->drift) == 0 && k->drift.n > 0)
		drift_report(d, drift_note(w, drift_digest(&k->drift, &k->steering.expected), w->quiet), k);
}

static void on_configured(struct device *d, const struct device_report *report, void *userdata)
{
	if (report->found && d->drift.scan && d->drift.n_repairing > 0)
		tell_opened_since(d, report->found);
	repair_ended(d, report->r, report->fault);
}

static void on_rule(struct lease *l, int r, struct fault *fault, const struct flow_list *added,
		    void *userdata)
{
	/* A lease that ends meanwhile does not need it any more. */
	repair_ended(l->device, r, fault);
}

static void on_context(struct lease *l, void *userdata)
{
	/* Where none could be made each flow goes to one queue, as for a new lease. */
	repair_ended(l->device, 0, NULL);
}

static int repair_one(struct device *d, const struct deviation *v)
{
	int r = 0;

	if (v->kind == DRIFT_CONTEXT_LOST)
		r = lease_context_return(d, v->lease, on_context);
	else if (v->kind == DRIFT_RULE_LOST || (v->kind == DRIFT_TAKEN && v->movable))
		r = lease_rule_return(d, v->flow, on_rule, NULL);
	else
		return 0;
	d->drift.n_repairing += r == 0;
	/* The lease has ended, or waits for its context: the next scan finds out. */
	return r == -ENOENT || r == -EAGAIN ? 0 : r;
}

static bool needs_plan(const struct drift_scan *k)
{
	for (size_t i = 0; i < k->drift.n; i++)
		if (k->drift.list[i].kind == DRIFT_SETTING ||
		    (k->drift.list[i].kind == DRIFT_TABLE && !k->closed))
			return true;
	return false;
}

/* Settings first: without ntuple filters there are no rules. */
void drift_repair(struct drift_scan *k)
{
	struct device *d = k->device;
	struct device_drift *w = &d->drift;
	int r = 0;

	w->repair_failed = false;
	w->n_repairing = 1; /* this function */
	if (device_phase_is_settled(d->phase) && needs_plan(k)) {
		r = device_configure(d, CONFIGURE_REPAIR, on_configured, NULL);
		w->n_repairing += r == 0;
	}
	for (size_t i = 0; r >= 0 && i < k->drift.n; i++)
		r = repair_one(d, &k->drift.list[i]);
	if (w->n_repairing == 1 && r == 0) { /* there is nothing that we could do */
		w->n_repairing = 0;
		drift_over(w->scan);
	} else
		repair_ended(d, r, NULL);
}
