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
#include "watch.h"

struct configure {
	struct device *device;
	unsigned ifindex; /* the device may have come back as another interface meanwhile */
	struct config_interface config; /* a copy: the file may be reloaded meanwhile */
	enum configure_mode mode;
	bool held; /* leases exist */
	device_done done;
	void *userdata;

	int r;
	struct fault fault;
	struct plan *plan;
	enum step_outcome *outcomes;
	struct nic_state *state;
};

/* Leased queues are never disturbed, and the way by which the administrator came in is not cut. */
static int configure_guard(struct configure *c)
{
	bool disturbs = false;

	for (size_t i = 0; i < c->plan->n_steps; i++)
		disturbs |= step_disturbs(c->plan->steps[i].op, c->state->driver);
	if (!disturbs)
		return 0;
	if (c->held)
		return fault_set(&c->fault, ZCRX_WRONG_STATE, "leased",
				 "%s has leases, which the change would disturb. See zcrxctl "
				 "leases; release or revoke them first.", c->state->name);
	return c->mode == CONFIGURE_FORCE
		       ? 0
		       : guard_default_route(c->plan, c->state, "apply", &c->fault);
}

static void configure_run(struct nic *nic, void *data)
{
	struct configure *c = data;

	c->r = nic->ops->observe(nic, &c->state, &c->fault);
	if (c->r == 0)
		c->r = plan_build(&c->config, c->state, &c->plan, &c->fault);
	if (c->r != 0 || c->mode == CONFIGURE_PLAN)
		return;
	c->outcomes = calloc(c->plan->n_steps + 1, sizeof(*c->outcomes));
	if (!c->outcomes) {
		c->r = -ENOMEM;
		return;
	}
	c->r = configure_guard(c);
	if (c->r != 0 || c->plan->n_steps == 0)
		return;
	c->r = plan_apply(nic, c->plan, c->outcomes, &c->fault);
	c->state = nic_state_free(c->state);
	if (c->r == 0)
		c->r = nic->ops->observe(nic, &c->state, &c->fault);
}

static void log_steps(const struct configure *c)
{
	const char *name = c->device->name;

	for (size_t i = 0; i < c->plan->n_steps; i++) {
		const struct step *s = &c->plan->steps[i];
		_cleanup_free_ char *from = NULL, *to = NULL;

		if (c->outcomes[i] == STEP_SKIPPED ||
		    step_value_format(s->op, &s->from, &from) < 0 ||
		    step_value_format(s->op, &s->to, &to) < 0)
			continue;
		log_message(LOG_INFO, &(struct log_fields){ .interface = name },
			    "%s: %s: %s -> %s: %s", name, step_op_to_string(s->op), from, to,
			    step_outcome_to_string(c->outcomes[i]));
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

static void device_set_configured(struct device *d, const struct plan *plan)
{
	const struct carve_out *c = &plan->carve_out;
	bool changed = plan->n_steps > 0 || d->state != DEVICE_CONFIGURED;
	int r;

	r = inventory_resize(&d->inventory, c);
	leases_claim_queues(d);
	if (r < 0) {
		device_set_degraded(d, r == -EBUSY ? "leases hold queues outside the new carve-out"
						   : strerror(-r));
		return;
	}
	d->state = DEVICE_CONFIGURED;
	free(d->reason);
	d->reason = NULL;
	device_review_queues(d);
	if (!changed)
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

	if (c->state) {
		nic_state_free(d->observed);
		d->observed = TAKE_PTR(c->state);
	}
	if (c->mode == CONFIGURE_PLAN)
		return;
	if (c->plan && c->outcomes)
		log_steps(c);
	d->blocked = c->r == ZCRX_WRONG_STATE && c->held;
	if (c->r == 0)
		device_set_configured(d, c->plan);
	else
		device_set_degraded(d, c->r > 0 && c->fault.message ? c->fault.message
								    : strerror(c->r < 0 ? -c->r : EIO));
	manager_update_status(d->manager);
}

static void configure_free(struct configure *c)
{
	fault_done(&c->fault);
	plan_free(c->plan);
	nic_state_free(c->state);
	free(c->outcomes);
	free(c);
}

static void configure_done(void *data)
{
	struct configure *c = data;
	struct device *d = c->device;
	struct device_report report = { .r = c->r, .fault = &c->fault, .plan = c->plan,
					.outcomes = c->outcomes };

	if (d->worker && !d->gone && d->ifindex == c->ifindex)
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
	*c = (struct configure){ .device = d, .ifindex = d->ifindex, .config = d->config, .mode = mode,
				 .held = d->n_leases > 0, .done = done, .userdata = userdata };
	c->config.name = c->config.driver = c->config.mac = c->config.path = NULL;
	r = device_submit(d, configure_run, configure_done, c);
	if (r < 0)
		free(c);
	return r;
}
