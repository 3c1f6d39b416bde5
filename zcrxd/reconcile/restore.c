/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See restore.h. Here: the order of a way back, on the loop. What the worker does is
 * reconcile/restore-job.c's; the time to confirm is reconcile/confirm.c's.
 */
#include <assert.h>
#include <errno.h>

#include "attach.h"
#include "drain.h"
#include "flow-guard.h"
#include "restore-job.h"
#include "leases.h"
#include "log.h"
#include "baseline.h"
#include "phase.h"
#include "restore.h"

struct back {
	struct device *device;
	struct restore_job job;
	unsigned generation; /* the device may have come back as another interface meanwhile */
	unsigned n_waiting; /* leases that have to end, and one */
	bool stuck;	    /* one of them does not end */
	device_done done;
	void *userdata;
};

static void back_free(struct back *b)
{
	restore_job_done(&b->job);
	free(b);
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

static void back_failed(struct back *b, const char *reason)
{
	struct device *d = b->device;

	device_event(d, DEVICE_RESTORE_FAILED, reason);
	if (b->job.lost)
		device_end_trial(d);
	if (b->job.stop || b->job.lost)
		return;
	if (b->job.to == ROLLBACK_UNCONFIRMED)
		device_retry_rollback(d);
	else if (device_is_managed(d))
		device_reconfigure(d);
}

static void back_adopt(struct back *b)
{
	struct device *d = b->device;
	struct restore_job *job = &b->job;

	if (job->state)
		device_set_observed(d, TAKE_PTR(job->state));
	if (job->set_aside)
		log_error("%s. The baseline of %s is lost.", job->set_aside, d->name);
	if (job->plan && job->results)
		device_log_steps(d, job->plan, job->results);
	if (job->note_error < 0)
		log_errno(job->note_error, "Cannot save in %s that %s was restored", job->path,
			  d->name);
	if (job->r != 0) {
		back_failed(b, job->r > 0 && job->fault.message ? job->fault.message
								: strerror(job->r < 0 ? -job->r : EIO));
		return;
	}
	device_end_trial(d);
	if (job->unmanaged != UNMANAGED_NOT)
		device_hold(d, job->unmanaged);
	else
		log_message(LOG_INFO, &(struct log_fields){ .interface = d->name, .event = "restored" },
			    "%s is restored to its baseline.", d->name);
}

/* Also where it came to no job. */
static void back_finish(struct back *b)
{
	struct device *d = b->device;
	struct device_report report = { .r = b->job.r, .fault = &b->job.fault, .plan = b->job.plan,
					.results = b->job.results };

	if (device_is_open(d) && d->generation == b->generation)
		back_adopt(b);
	if (b->done)
		b->done(d, &report, b->userdata);
	back_free(b);
}

static void on_back(void *data)
{
	struct back *b = data;
	struct device *d = b->device;

	back_finish(b);
	device_maybe_free(d);
}

static void run_back(struct nic *nic, void *data)
{
	struct back *b = data;

	restore_job_run(nic, &b->job);
}

/* ---------------------------------------------------------------------------- leases first */

static void back_submit(struct back *b)
{
	struct device *d = b->device;
	int r = 0;

	if (--b->n_waiting > 0)
		return;
	if (b->stuck)
		r = fault_set(&b->job.fault, ZCRX_WRONG_STATE, "leased",
			      "A lease of %s cannot be ended; see zcrxctl status. What keeps its ring "
			      "open has to end first.", d->name);
	else {
		flow_guard_set(d); /* for no flow: there is nothing left of it then */
		r = device_submit(d, run_back, on_back, b);
	}
	if (r == 0)
		return; /* the job is the worker's now */
	b->job.r = r;
	back_finish(b);
}

static void on_lease_ended(struct lease *l, void *userdata)
{
	struct back *b = userdata;

	if (l->state == LEASE_QUARANTINED)
		b->stuck = true;
	back_submit(b);
}

/* A list of their own: each of them may be gone, and others with it, when the next is looked at. */
static void end_leases(struct back *b)
{
	struct device *d = b->device;
	_cleanup_free_ struct lease **list = calloc(d->n_leases + 1, sizeof(*list));
	struct lease *l;
	size_t n = 0;

	if (!list) {
		b->stuck = true;
		return;
	}
	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		if (l->device == d && n < d->n_leases)
			list[n++] = lease_ref(l);
	for (size_t i = 0; i < n; i++) {
		lease_revoke(list[i], 0, true, "its interface is being restored");
		b->n_waiting++;
		if (lease_wait(list[i], on_lease_ended, b) < 0) {
			b->n_waiting--;
			b->stuck = true;
		}
		lease_unref(list[i]);
	}
}

static int back_new(struct device *d, const struct restore_request *request, struct back **ret)
{
	struct back *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	*b = (struct back){ .device = d, .generation = d->generation, .n_waiting = 1 };
	b->job.to = request->to;
	b->job.force = request->force;
	b->job.stop = request->stop;
	if (baseline_path(d->devices->baseline_directory, d->ifindex, &b->job.path) < 0) {
		back_free(b);
		return -ENOMEM;
	}
	*ret = b;
	return 0;
}

int device_restore(struct device *d, const struct restore_request *request, device_done done,
		   void *userdata, struct fault *reterr)
{
	struct back *b;
	int r;

	if (!device_is_open(d))
		return -ENODEV;
	if (d->phase == DEVICE_RESTORING)
		return device_check_idle(d, reterr);
	if (d->n_leases > 0 && !request->force)
		return fault_set(reterr, ZCRX_WRONG_STATE, "leased",
				 "%s has %u lease%s (zcrxctl leases). Nothing was changed. To end them and "
				 "restore it: zcrxctl restore --force %s", d->name, d->n_leases,
				 d->n_leases == 1 ? "" : "s", d->name);
	r = back_new(d, request, &b);
	if (r < 0)
		return r;
	b->done = done;
	b->userdata = userdata;
	device_event(d, DEVICE_RESTORE, "it is being restored");
	end_leases(b);
	back_submit(b);
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
	log_error("Cannot put %s back: %s", d->name, r > 0 ? fault.message : strerror(-r));
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
	log_error("Cannot put %s back: %s", d->name, r > 0 ? fault.message : strerror(-r));
}

void devices_stop(struct devices *devices, bool restart)
{
	struct device *d;

	devices->n_stopping++;
	TAILQ_FOREACH(d, &devices->list, entry)
		stop_one(d, restart);
	devices->n_stopping--;
}
