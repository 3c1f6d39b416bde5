/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See restore.h. Here: the order of a way back, on the loop. What the worker does is
 * reconcile/restore-run.c's; the time to confirm is reconcile/confirm.c's.
 */
#include <assert.h>
#include <errno.h>

#include "attach.h"
#include "drain.h"
#include "flow-guard.h"
#include "restore-run.h"
#include "leases.h"
#include "log.h"
#include "phase.h"

static void restore_free(struct restore *g)
{
	change_done(&g->change);
	free(g);
}

int device_check_idle(const struct device *d, struct fault *reterr)
{
	if (d->phase == DEVICE_RESTORING)
		return fault_set(reterr, ZCRX_WRONG_STATE, "going-back",
				 "%s is being restored; retry shortly.",
				 device_name(d));
	if (d->trial.until > 0)
		return fault_set(reterr, ZCRX_WRONG_STATE, "unconfirmed",
				 "Changes to %s are not confirmed yet. Run: zcrxctl "
				 "apply --confirm %s", device_name(d), device_name(d));
	return 0;
}

/* ----------------------------------------------------------------------- what came of it */

/* Nobody leases its queues, for they are ordinary ones again. */
static void device_hold(struct device *d, enum unmanaged_reason unmanaged)
{
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "%s zcrxctl apply %s",
		     unmanaged == UNMANAGED_RESTORED
			     ? "It is unmanaged: it was restored to its baseline. To configure it:"
			     : "It is unmanaged: changes were not confirmed in time, and were "
			       "rolled back. To try again:",
		     device_name(d)) < 0)
		text = NULL;
	device_event(d, DEVICE_RESTORED, text ?: "It was restored, and is unmanaged.");
}

void device_set_unmanaged(struct device *d, const struct baseline *o)
{
	if (d->phase == DEVICE_RESTORING)
		return;
	if (!o->rollback)
		device_hold(d, o->unmanaged);
	else if (d->trial.until == 0) /* else there is time yet */
		device_roll_back(d);
}

static void restore_failed(struct restore *g)
{
	struct device *d = g->change.device;

	device_event(d, DEVICE_RESTORE_FAILED, fault_text(g->change.r, &g->change.fault));
	if (g->lost)
		device_end_trial(d);
	if (g->request.stop || g->lost)
		return;
	if (g->request.to == ROLLBACK_UNCONFIRMED)
		device_retry_rollback(d);
	else if (device_is_managed(d))
		device_reconfigure(d);
}

static void restore_adopt(struct restore *g)
{
	struct device *d = g->change.device;
	const struct reconcile *b = &g->change.reconcile;

	change_adopt(&g->change);
	if (b->results)
		device_log_steps(d, b->plan, b->results);
	if (g->note_error < 0)
		log_errno(g->note_error, "Cannot save in %s that %s was restored", g->change.path, d->name);
	if (g->change.r != 0) {
		restore_failed(g);
		return;
	}
	device_end_trial(d);
	if (g->unmanaged != UNMANAGED_NOT)
		device_hold(d, g->unmanaged);
	else
		log_message(LOG_INFO, &(struct log_fields){ .interface = d->name, .event = "restored" },
			    "%s is restored to its baseline.", d->name);
}

/* Also where it came to no job. */
static void restore_finish(struct restore *g)
{
	if (change_is_current(&g->change))
		restore_adopt(g);
	change_report(&g->change, 0);
	restore_free(g);
}

static void restore_done(void *data)
{
	struct restore *g = data;
	struct device *d = g->change.device;

	restore_finish(g);
	device_maybe_free(d);
}

/* ---------------------------------------------------------------------------- leases first */

static void restore_submit(struct restore *g)
{
	struct device *d = g->change.device;
	int r = 0;

	if (--g->n_waiting > 0)
		return;
	if (g->stuck)
		r = fault_set(&g->change.fault, ZCRX_WRONG_STATE, "leased",
			      "A lease of %s cannot be ended; see zcrxctl status. What keeps its ring "
			      "open has to end first.", d->name);
	else {
		flow_guard_set(d); /* for no flow: there is nothing left of it then */
		r = device_submit(d, restore_run, restore_done, g);
	}
	if (r == 0)
		return; /* the job is the worker's now */
	g->change.r = r;
	restore_finish(g);
}

static void on_lease_ended(struct lease *l, void *userdata)
{
	struct restore *g = userdata;

	if (l->state == LEASE_QUARANTINED)
		g->stuck = true;
	restore_submit(g);
}

/* A list of their own: each of them may be gone, and others with it, when the next is looked at. */
static void end_leases(struct restore *g)
{
	struct device *d = g->change.device;
	_cleanup_free_ struct lease **list = calloc(d->n_leases + 1, sizeof(*list));
	struct lease *l;
	size_t n = 0;

	if (!list) {
		g->stuck = true;
		return;
	}
	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		if (l->device == d && n < d->n_leases)
			list[n++] = lease_ref(l);
	for (size_t i = 0; i < n; i++) {
		lease_revoke(list[i], 0, true, "its interface is being restored");
		g->n_waiting++;
		if (lease_wait(list[i], on_lease_ended, g) < 0) {
			g->n_waiting--;
			g->stuck = true;
		}
		lease_unref(list[i]);
	}
}

int device_restore(struct device *d, const struct restore_request *request, device_done done,
		   void *userdata, struct fault *reterr)
{
	struct restore *g;

	if (!device_is_open(d))
		return -ENODEV;
	if (d->phase == DEVICE_RESTORING)
		return device_check_idle(d, reterr);
	if (d->n_leases > 0 && !request->force)
		return fault_set(reterr, ZCRX_WRONG_STATE, "leased",
				 "%s has %u lease%s (zcrxctl leases). Nothing was changed. To end them and "
				 "restore it: zcrxctl restore --force %s", d->name, d->n_leases,
				 d->n_leases == 1 ? "" : "s", d->name);
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	*g = (struct restore){ .request = *request, .n_waiting = 1 };
	if (change_init(&g->change, d, done, userdata) < 0) {
		restore_free(g);
		return -ENOMEM;
	}
	device_event(d, DEVICE_RESTORE, "it is being restored");
	end_leases(g);
	restore_submit(g);
	return 0;
}

void device_roll_back(struct device *d)
{
	const struct restore_request request = { .to = ROLLBACK_UNCONFIRMED, .force = true };
	_cleanup_fault_ struct fault fault = {};
	int r;

	r = device_restore(d, &request, NULL, NULL, &fault);
	if (r == 0)
		return;
	log_error("Cannot put %s back: %s", d->name, fault_text(r, &fault));
	device_retry_rollback(d);
}

/* ------------------------------------------------------------------------------------ stop */

static void on_stopped(struct device *d, const struct device_report *report, void *userdata)
{
	struct devices *devices = userdata;

	devices->n_stopping--;
	devices->hooks->stopped(devices);
}

static void stop_one(struct device *d, bool restart)
{
	struct devices *devices = d->devices;
	struct restore_request request = { .to = ROLLBACK_UNCONFIRMED,
					   .force = true,
					   .stop = true };
	_cleanup_fault_ struct fault fault = {};
	int r;

	if (!device_is_open(d) || d->phase == DEVICE_RESTORING || d->trial.state == TRIAL_CONFIRMING)
		return;
	if (d->n_leases == 0)
		flow_guard_set(d);
	devices->n_stopping++;
	if (d->trial.until > 0)
		r = device_restore(d, &request, on_stopped, devices, &fault);
	else if (d->phase == DEVICE_UNMANAGED)
		r = device_clear_unmanaged(d, on_stopped, devices);
	else if (devices->config->on_stop == ON_STOP_RESTORE && !restart &&
		 device_has_entry(d) && d->ifindex != SOFTWARE_IFINDEX) {
		request.to = RESTORE_BASELINE;
		r = device_restore(d, &request, on_stopped, devices, &fault);
	} else {
		devices->n_stopping--;
		return;
	}
	if (r == 0)
		return;
	devices->n_stopping--;
	log_error("Cannot put %s back: %s", d->name, fault_text(r, &fault));
}

void devices_stop(struct devices *devices, bool restart)
{
	struct device *d;

	devices->n_stopping++;
	TAILQ_FOREACH(d, &devices->list, entry)
		stop_one(d, restart);
	devices->n_stopping--;
}
