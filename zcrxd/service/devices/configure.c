/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config -> plan -> apply -> observe, as one job on the device's worker, and what its outcome means
 * for the device. An already correct NIC gives an empty plan and is not touched.
 */
#include <errno.h>

#include "device.h"
#include "guard.h"
#include "leases.h"
#include "log.h"
#include "waiting.h"
#include "watch.h"

struct configure {
	struct device *device;
	unsigned generation; /* the device may have come back as another interface meanwhile */
	struct bring bring; /* its config is a copy: the file may be reloaded meanwhile */
	enum configure_mode mode;
	uint32_t *held;
	device_done done;
	void *userdata;

	int r;
	struct fault fault;
};

static void configure_run(struct nic *nic, void *data)
{
	struct configure *c = data;

	c->r = bring_plan(nic, &c->bring, &c->fault);
	/* The way by which the administrator came in is not cut. */
	if (c->r == 0 && (c->mode == CONFIGURE_APPLY || c->mode == CONFIGURE_REPAIR))
		c->r = guard_default_route(c->bring.plan, c->bring.state, "apply", &c->fault);
	if (c->r == 0 && c->mode != CONFIGURE_PLAN)
		c->r = bring_apply(nic, &c->bring, &c->fault);
}

static void log_steps(const struct configure *c)
{
	const char *name = c->device->name;

	for (size_t i = 0; i < c->bring.plan->n_steps; i++) {
		const struct step *s = &c->bring.plan->steps[i];
		const struct step_result *result = &c->bring.results[i];
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
	watch_announce_interface(d, "failed", reason);
}

/* A lease was made on a queue that is not carved out any more: it is held now, and the next plan
 * goes around it. */
static void device_set_overtaken(struct device *d)
{
	device_set_degraded(d, "leases hold queues outside the new carve-out");
	d->blocked = true;
	device_unblock(d);
}

static void device_set_waiting(struct device *d, const struct plan *plan)
{
	_cleanup_free_ char *reason = NULL;
	int r = waiting_describe(d, plan, &reason);

	drift_forget(d);
	device_set_degraded(d, r < 0 ? strerror(-r) : reason);
	device_review_queues(d);
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
		device_set_degraded(d, strerror(-r));
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
	device_review_queues(d);
	if (!changed || !tell)
		return;
	log_message(LOG_INFO, &(struct log_fields){ .interface = d->name, .event = "configured" },
		    plan->n_steps > 0 ? "%s is configured: queues %u to %u are for zero-copy receive."
				      : "%s is configured already: queues %u to %u are for "
					"zero-copy receive.",
		    d->name, c->zero_copy_first, c->zero_copy_first + c->zero_copy_count - 1);
	watch_announce_interface(d, "configured", NULL);
}

static void configure_adopt(struct configure *c)
{
	struct device *d = c->device;

	if (c->bring.state) {
		nic_state_free(d->observed);
		d->observed = TAKE_PTR(c->bring.state);
	}
	if (c->mode == CONFIGURE_PLAN)
		return;
	if (c->bring.results)
		log_steps(c);
	d->memory = c->bring.memory;
	d->blocked = false;
	if (c->r == 0)
		device_set_configured(d, c->bring.plan, c->mode != CONFIGURE_REPAIR);
	else if (c->mode != CONFIGURE_REPAIR) {
		drift_forget(d);
		device_set_degraded(d, c->r > 0 && c->fault.message ? c->fault.message
								    : strerror(c->r < 0 ? -c->r : EIO));
	}
	if (c->mode != CONFIGURE_REPAIR)
		drift_applied(d);
	manager_update_status(d->manager);
}

static void configure_free(struct configure *c)
{
	fault_done(&c->fault);
	bring_done(&c->bring);
	free(c->held);
	free(c);
}

static void configure_done(void *data)
{
	struct configure *c = data;
	struct device *d = c->device;
	struct device_report report = { .r = c->r, .fault = &c->fault, .plan = c->bring.plan,
					.results = c->bring.results };

	if (device_is_managed(d) && d->generation == c->generation)
		configure_adopt(c);
	if (c->done)
		c->done(d, &report, c->userdata);
	configure_free(c);
	device_job_done(d);
}

int device_configure(struct device *d, enum configure_mode mode, device_done done, void *userdata)
{
	struct configure *c;
	int r;

	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct configure){ .device = d, .generation = d->generation, .mode = mode, .done = done,
				 .userdata = userdata,
				 .bring = { .config = d->config, .memory = d->memory } };
	c->bring.config.name = c->bring.config.driver = NULL;
	c->bring.config.mac = c->bring.config.path = NULL;
	r = waiting_held(d, &c->held, &c->bring.held.n);
	c->bring.held.queues = c->held;
	if (r == 0)
		r = device_submit(d, configure_run, configure_done, c);
	if (r < 0)
		configure_free(c);
	return r;
}

static void on_unblocked(struct device *d, const struct device_report *report, void *userdata)
{
	(void)report;
	(void)userdata;
	d->unblocking = false;
	if (d->unblock_again)
		device_unblock(d);
}

void device_unblock(struct device *d)
{
	int r;

	d->unblock_again = d->unblocking;
	if (d->unblocking || !d->blocked || !d->worker || d->gone || d->leaving)
		return;
	r = device_configure(d, CONFIGURE_APPLY, on_unblocked, NULL);
	if (r < 0)
		log_errno(r, "Cannot configure %s", d->name);
	else
		d->unblocking = true;
}
