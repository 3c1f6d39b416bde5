/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config -> plan -> apply -> observe, as one job on the device's worker (reconcile/configure-run.c), and
 * what its outcome means for the device.
 */
#include <errno.h>

#include "attach.h"
#include "busy.h"
#include "clock.h"
#include "configure-run.h"
#include "drift-watch.h"
#include "leases.h"
#include "log.h"
#include "problems.h"
#include "restore.h"
#include "retry.h"
#include "pending.h"
#include "phase.h"
#include "serving.h"

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

/* A lease was made on a queue that is not carved out any more: it is held now, and the next plan
 * goes around it. */
static void device_set_overtaken(struct device *d)
{
	device_event(d, DEVICE_WAITS, "leases hold queues outside the new carve-out");
	device_retry_pending(d);
}

/* 0, or something else has become of the device. */
static int adopt_carve_out(struct device *d, const struct plan *plan)
{
	int r = inventory_resize(&d->inventory, &plan->carve_out);

	leases_claim_queues(d);
	if (r == -EBUSY)
		device_set_overtaken(d);
	else if (r < 0)
		device_event(d, DEVICE_FAILED, strerror(-r));
	return r;
}

static void adopt_plan(struct device *d, const struct plan *plan)
{
	_cleanup_free_ char *reason = NULL;
	int r;

	if (plan->n_waiting == 0)
		device_event(d, plan->n_steps > 0 ? DEVICE_APPLIED : DEVICE_VERIFIED, NULL);
	else {
		r = pending_describe(d, plan, &reason);
		device_event(d, DEVICE_WAITS, r < 0 ? strerror(-r) : reason);
	}
	device_update_quarantine(d);
}

/* What is different is told by the look that follows. */
static void adopt_changed(struct device *d)
{
	device_event(d, DEVICE_CHANGED, NULL);
	device_update_quarantine(d);
	drift_mark(d);
}

/* reconcile/drift.c tells what came of a repair. */
static void adopt_success(struct device *d, const struct configure *c)
{
	const struct plan *plan = c->change.reconcile.plan;

	if (adopt_carve_out(d, plan) < 0)
		return;
	d->drift.waits = c->mode == CONFIGURE_REPAIR && plan->n_waiting > 0;
	if (c->drifted)
		adopt_changed(d);
	else if (c->mode != CONFIGURE_REPAIR)
		adopt_plan(d, plan);
	else if (!d->drift.waits)
		device_update_quarantine(d);
	device_serve(d); /* leases may have come or gone meanwhile */
}

/* What waits for its confirmation, also on an interface that is not in the configuration any more. */
static void adopt_trial(const struct configure *c)
{
	const struct baseline *o = &c->change.baseline;

	if (c->confirm_within > 0 && o->rollback)
		device_await_confirmation(c->change.device, o->rollback_usec);
	else if (c->confirm_within > 0)
		device_end_trial(c->change.device);
}

static void configure_failed(struct configure *c)
{
	struct device *d = c->change.device;

	d->detached = nic_is_detached(c->change.r, &c->change.fault);
	device_event(d, DEVICE_FAILED, fault_text(c->change.r, &c->change.fault));
	free(d->refused);
	d->refused = TAKE_PTR(c->refused);
}

static void configure_adopt(struct configure *c)
{
	struct device *d = c->change.device;
	const struct reconcile *b = &c->change.reconcile;
	bool drifted = d->drift.watch.found != 0, failed = c->change.r != 0;

	change_adopt(&c->change);
	if (c->left_alone) {
		device_set_unmanaged(d, &c->change.baseline);
		return;
	}
	if (c->unchanged) {
		device_retry(d);
		return;
	}
	/* Of what fails as before, once is enough. */
	if (b->results && (c->mode != CONFIGURE_AGAIN || !failed))
		device_log_steps(d, b->plan, b->results);
	d->memory = b->memory;
	d->detached = false;
	if (!failed)
		adopt_success(d, c);
	else if (c->mode != CONFIGURE_REPAIR)
		configure_failed(c);
	if (c->mode != CONFIGURE_REPAIR && !c->drifted)
		drift_after_apply(d, drifted);
	adopt_trial(c);
}

static void configure_free(struct configure *c)
{
	change_done(&c->change);
	free(c->entry);
	free(c->held);
	free(c->refused);
	free(c);
}

static void configure_done(void *data)
{
	struct configure *c = data;
	struct device *d = c->change.device;
	uint64_t until = c->change.baseline.rollback_usec;
	bool again = rerun_end(&d->configuring);

	if (change_is_current(&c->change) && device_is_managed(d))
		configure_adopt(c);
	else if (change_is_current(&c->change))
		adopt_trial(c);
	change_report(&c->change, c->confirm_within > 0 && c->change.r == 0 && until > 0
					  ? boottime_to_realtime(until) : 0);
	configure_free(c);
	if (again)
		device_retry_pending(d); /* the leases that it waits for may be those that ended meanwhile */
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
	struct reconcile *b;
	int r;

	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct configure) { .mode = mode,
				  .confirm_within = confirm_within,
				  /* It came under our eyes: whatever is saved, nobody has configured it. */
				  .fresh = d->phase == DEVICE_STARTING && d->devices->ready,
				  .reports = d->devices->config->on_drift == ON_DRIFT_REPORT };
	b = &c->change.reconcile;
	*b = (struct reconcile) { .config = d->config, .memory = d->memory };
	b->config.name = b->config.driver = b->config.mac = b->config.path = NULL;
	r = device_busy_queues(d, &c->held, &b->held.n);
	b->held.queues = c->held;
	if (r == 0)
		r = change_init(&c->change, d, done, userdata);
	if (r == 0)
		r = config_interface_describe(&d->config, &c->entry);
	if (r == 0 && d->refused && !(c->refused = strdup(d->refused)))
		r = -ENOMEM;
	if (r == 0)
		r = device_submit(d, configure_run, configure_done, c);
	if (r < 0) {
		configure_free(c);
		return r;
	}
	rerun_begin(&d->configuring);
	if (confirm_within > 0)
		device_begin_trial(d, confirm_within);
	return 0;
}

void device_retry_pending(struct device *d)
{
	if (rerun_ask(&d->configuring) && device_waits_for_leases(d) && device_is_managed(d))
		device_reconfigure(d);
}
