/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config -> plan -> apply -> observe, as one job on the device's worker (reconcile/configure-run.c), and
 * what its outcome means for the device.
 */
#include <errno.h>

#include "attach.h"
#include "clock.h"
#include "configure-run.h"
#include "drift-watch.h"
#include "leases.h"
#include "log.h"
#include "problems.h"
#include "restore.h"
#include "retry.h"
#include "pending.h"

void device_log_steps(const struct device *d, const struct plan *plan,
		      const struct step_result *results)
{
	const char *name = d->name;

	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *s = &plan->steps[i];
		const struct step_result *result = &results[i];
		_cleanup_free_ char *from = NULL, *to = NULL;

		if (result->outcome == STEP_SKIPPED ||
		    step_value_format(s->op, &s->from, &from) < 0 ||
		    step_value_format(s->op, &s->to, &to) < 0)
			continue;
		log_message(LOG_INFO, &(struct log_fields){ .interface = name },
			    "%s: %s: %s -> %s: %s%s%s", name, step_op_to_string(s->op), from, to,
			    step_outcome_to_string(result->outcome),
			    result->outcome == STEP_UNDO_FAILED ? ": " : "",
			    result->outcome == STEP_UNDO_FAILED ? result->message : "");
	}
}

static void device_set_degraded(struct device *d, const char *reason)
{
	bool news = d->state != DEVICE_DEGRADED || !d->reason || !streq(d->reason, reason);

	d->state = DEVICE_DEGRADED;
	free(d->reason);
	d->reason = strdup(reason);
	if (!news)
		return;
	log_message(LOG_WARNING, &(struct log_fields){ .interface = d->name, .event = "failed" },
		    "%s is degraded: %s", d->name, reason);
	device_announce(d, "failed", reason);
}

static void device_set_failed(struct device *d, int r)
{
	device_set_degraded(d, strerror(-r));
	device_retry(d);
}

/* A lease was made on a queue that is not carved out any more: it is held now, and the next plan
 * goes around it. */
static void device_set_overtaken(struct device *d)
{
	device_set_degraded(d, "leases hold queues outside the new carve-out");
	d->blocked = true;
	device_retry_pending(d);
}

static void device_set_waiting(struct device *d, const struct plan *plan)
{
	_cleanup_free_ char *reason = NULL;
	int r = pending_describe(d, plan, &reason);

	drift_reset(d);
	device_set_degraded(d, r < 0 ? strerror(-r) : reason);
	device_update_quarantine(d);
}

static void device_set_configured(struct device *d, const struct plan *plan, bool tell)
{
	const struct carve_out *c = &plan->carve_out;
	bool changed = plan->n_steps > 0 || d->state != DEVICE_CONFIGURED;
	int r;

	r = inventory_resize(&d->inventory, c);
	leases_claim_queues(d);
	if (r == -EBUSY)
		device_set_overtaken(d);
	else if (r < 0)
		device_set_failed(d, r);
	d->blocked |= plan->n_waiting > 0;
	if (r == 0 && plan->n_waiting > 0 && tell)
		device_set_waiting(d, plan);
	if (r < 0 || plan->n_waiting > 0)
		return;
	d->drift.armed = true;
	if (tell) {
		d->state = DEVICE_CONFIGURED;
		free(d->reason);
		d->reason = NULL;
	}
	device_update_quarantine(d);
	if (!changed || !tell)
		return;
	log_message(LOG_INFO, &(struct log_fields){ .interface = d->name, .event = "configured" },
		    d->ifindex == SOFTWARE_IFINDEX ?
			    "%s: queues %u to %u are offered; what comes in on them is copied." :
		    plan->n_steps > 0 ? "%s is configured: queues %u to %u are for zero-copy receive."
				      : "%s is configured already: queues %u to %u are for "
					"zero-copy receive.",
		    d->name, c->zero_copy_first, c->zero_copy_first + c->zero_copy_count - 1);
	device_announce(d, "configured", NULL);
}

/* What is different is told by the look that follows. */
static void device_set_drifted(struct device *d, const struct plan *plan)
{
	int r;

	r = inventory_resize(&d->inventory, &plan->carve_out);
	leases_claim_queues(d);
	if (r == -EBUSY)
		device_set_overtaken(d);
	else if (r < 0)
		device_set_failed(d, r);
	if (r < 0)
		return;
	device_update_quarantine(d);
	drift_mark(d);
}

/* What waits for its confirmation, also on an interface that is not in the configuration any more. */
static void adopt_confirmation(const struct configure *c)
{
	if (c->confirm_within > 0 && c->baseline.has_rollback)
		device_await_confirmation(c->device, c->baseline.rollback_usec);
	else if (c->confirm_within > 0)
		device_clear_confirmation(c->device);
}

static void configure_failed(struct configure *c)
{
	struct device *d = c->device;

	drift_reset(d);
	device_set_degraded(d, c->r > 0 && c->fault.message ? c->fault.message
							    : strerror(c->r < 0 ? -c->r : EIO));
	free(d->refused);
	d->refused = TAKE_PTR(c->refused);
	device_retry(d);
}

static void configure_adopt(struct configure *c)
{
	struct device *d = c->device;
	bool drifted = d->drift.found != NULL;

	if (c->reconcile.state)
		device_set_observed(d, TAKE_PTR(c->reconcile.state));
	if (c->set_aside)
		log_error("%s. The baseline of %s is lost.", c->set_aside, d->name);
	if (c->left_alone) {
		device_set_unmanaged(d, &c->baseline);
		return;
	}
	if (c->unchanged) {
		device_retry(d);
		return;
	}
	/* Of what fails as before, once is enough. */
	if (c->reconcile.results && (c->mode != CONFIGURE_AGAIN || c->r == 0))
		device_log_steps(d, c->reconcile.plan, c->reconcile.results);
	d->held = c->baseline.unmanaged != UNMANAGED_NOT;
	d->fresh = false;
	d->memory = c->reconcile.memory;
	if (c->r == 0)
		d->blocked = false; /* else whatever it waited for still counts */
	if (c->r == 0 && c->mode != CONFIGURE_REPAIR)
		device_retry_done(d);
	if (c->drifted)
		device_set_drifted(d, c->reconcile.plan);
	else if (c->r == 0)
		device_set_configured(d, c->reconcile.plan, c->mode != CONFIGURE_REPAIR);
	else if (c->mode != CONFIGURE_REPAIR)
		configure_failed(c);
	if (c->mode != CONFIGURE_REPAIR && !c->drifted)
		drift_after_apply(d, drifted);
	adopt_confirmation(c);
	status_update(d->devices);
	if (c->n_freed != d->n_freed)
		device_retry_pending(
			d); /* the leases that it waits for may be those that ended meanwhile */
}

static void configure_free(struct configure *c)
{
	fault_done(&c->fault);
	reconcile_done(&c->reconcile);
	baseline_done(&c->baseline);
	free(c->path);
	free(c->entry);
	free(c->set_aside);
	free(c->held);
	free(c->refused);
	free(c);
}

static void configure_done(void *data)
{
	struct configure *c = data;
	struct device *d = c->device;
	struct device_report report = { .r = c->r,
					.fault = &c->fault,
					.plan = c->reconcile.plan,
					.results = c->reconcile.results,
					.found = c->reconcile.found };

	if (device_is_managed(d) && d->generation == c->generation)
		configure_adopt(c);
	else if (d->leaving && d->worker && !d->gone)
		adopt_confirmation(c);
	if (c->confirm_within > 0 && c->r == 0 && c->baseline.rollback_usec > 0)
		report.confirm_until = boottime_to_realtime(c->baseline.rollback_usec);
	if (c->done)
		c->done(d, &report, c->userdata);
	configure_free(c);
	device_maybe_free(d);
}

int device_configure(struct device *d, enum configure_mode mode, device_done done, void *userdata)
{
	return device_configure_for(d, mode, 0, done, userdata);
}

int device_configure_for(struct device *d, enum configure_mode mode, uint64_t confirm_within,
			 device_done done, void *userdata)
{
	struct configure *c;
	int r;

	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct configure) { .device = d,
				  .generation = d->generation,
				  .mode = mode,
				  .done = done,
				  .userdata = userdata,
				  .confirm_within = confirm_within,
				  .fresh = d->fresh,
				  .n_freed = d->n_freed,
				  .reports = d->devices->config->on_drift == ON_DRIFT_REPORT,
				  .reconcile = { .config = d->config, .memory = d->memory } };
	c->reconcile.config.name = c->reconcile.config.driver = NULL;
	c->reconcile.config.mac = c->reconcile.config.path = NULL;
	r = device_busy_queues(d, &c->held, &c->reconcile.held.n);
	c->reconcile.held.queues = c->held;
	if (r == 0)
		r = baseline_path(d->devices->baseline_directory, d->ifindex, &c->path);
	if (r == 0)
		r = config_interface_describe(&d->config, &c->entry);
	if (r == 0 && d->refused && !(c->refused = strdup(d->refused)))
		r = -ENOMEM;
	if (r == 0)
		r = device_submit(d, configure_run, configure_done, c);
	if (r < 0)
		configure_free(c);
	else if (confirm_within > 0)
		d->confirm_until = now_usec(CLOCK_BOOTTIME) + confirm_within; /* the job says it exactly */
	return r;
}

static void on_unblocked(struct device *d, const struct device_report *report, void *userdata)
{
	(void)report;
	(void)userdata;
	d->unblocking = false;
	if (d->unblock_again)
		device_retry_pending(d);
}

void device_retry_pending(struct device *d)
{
	int r;

	d->unblock_again = d->unblocking;
	if (d->unblocking || !d->blocked || !d->worker || d->gone || d->leaving)
		return;
	r = device_configure(d, CONFIGURE_AUTO, on_unblocked, NULL);
	if (r < 0) {
		log_errno(r, "Cannot configure %s", d->name);
		device_retry(d);
	} else
		d->unblocking = true;
}
