/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Queues that nobody of ours holds, and that are somebody else's all the same: withheld until they are not.
 */
#include "device.h"
#include "log.h"
#include "watch.h"

#define RECHECK_USEC (2 * 1000000ULL)

bool device_sees_to_table(const struct device *d)
{
	/* Acquire takes it away. */
	if (d->inventory.carve_out.idle_queues == IDLE_SERVE)
		return true;
	/* As long as it is not configured, a plan that narrows it is on its way. */
	return !device_phase_is_settled(d->phase) ||
	       (d->devices->config->on_drift == ON_DRIFT_REPAIR && !d->drift.failure);
}

static int refuse_used(const struct nic_queue *q, struct fault *fault)
{
	_cleanup_free_ char *user = q ? nic_queue_describe_user(q) : NULL;

	return fault_set(fault, ZCRX_NO_QUEUE_AVAILABLE, NULL, "the kernel shows it in use by %s",
			 user ?: "another process");
}

/* A queue without a lease has no rule, and no context, of ours: what Register would refuse it for. */
static const char *why_withheld(const struct device *d, uint32_t queue, struct fault *fault)
{
	const struct own_steering none = { .table_is_seen_to = device_sees_to_table(d) };
	const size_t n = d->observed->n_queues;
	int r = 0;

	if (n > 0 && queue >= n)
		r = fault_set(fault, ZCRX_NO_QUEUE_AVAILABLE, NULL, "%s has only %zu queue%s now", d->name,
			      n, n == 1 ? "" : "s");
	else if (!nic_state_queue_clean(d->observed, queue))
		r = refuse_used(queue < n ? &d->observed->queues[queue] : NULL, fault);
	else if (!d->observed->software)
		r = nic_state_check_isolated(d->observed, queue, &none, fault);
	return r > 0 ? fault->message : NULL;
}

/* What nobody of ours holds is free exactly if the kernel shows it as nobody's. Nothing is said of
 * the queues of an interface that is down. */
void device_update_quarantine(struct device *d)
{
	const struct carve_out *c = &d->inventory.carve_out;
	bool again = false;

	if (!d->observed || !d->observed->up)
		return;
	for (unsigned i = 0; i < c->zero_copy_count; i++) {
		uint32_t queue = c->zero_copy_first + i;
		const struct inventory_queue *q = inventory_get(&d->inventory, queue);
		_cleanup_fault_ struct fault fault = {};
		const char *why;

		if (q->lease)
			continue;
		why = why_withheld(d, queue, &fault);
		if (why && !q->quarantine)
			device_quarantine(d, queue, why);
		if (why || !q->quarantine)
			continue;
		inventory_clear_quarantine(&d->inventory, queue);
		log_message(LOG_INFO, &(struct log_fields){ .interface = d->name },
			    "Queue %u of %s released from quarantine.", queue, d->name);
		again = true;
	}
	if (again)
		d->devices->hooks->queue_freed(d);
}

static bool device_has_quarantine(const struct device *d)
{
	const struct carve_out *c = &d->inventory.carve_out;

	for (unsigned i = 0; i < c->zero_copy_count; i++)
		if (d->inventory.queues[i].quarantine)
			return true;
	return false;
}

static int on_recheck(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct device *d = userdata;

	device_retry_quarantined(d);
	if (device_has_quarantine(d))
		(void)loop_arm(d->devices->loop, &d->recheck, RECHECK_USEC, on_recheck, d);
	return 0;
}

void device_retry_quarantined(struct device *d)
{
	int r;

	d->devices->hooks->recheck(d);
	if (!device_is_open(d) || !device_has_quarantine(d))
		return;
	r = device_refresh(d, NULL, NULL);
	if (r < 0)
		log_errno(r, "Cannot refresh the state of %s", d->name);
}

void device_quarantine(struct device *d, uint32_t queue, const char *reason)
{
	int r;

	r = inventory_quarantine(&d->inventory, queue, reason);
	if (r < 0) {
		log_errno(r, "Cannot save the quarantine of queue %u of %s", queue, d->name);
		return;
	}
	log_message(LOG_WARNING, &(struct log_fields){ .interface = d->name, .event = "quarantined" },
		    "Queue %u of %s quarantined: %s", queue, d->name, reason);
	watch_announce(d->devices->server, &(struct announcement){ .event = "quarantined", .interface = d->name,
							    .queue = &queue, .reason = reason });
	r = loop_arm(d->devices->loop, &d->recheck, RECHECK_USEC, on_recheck, d);
	if (r < 0)
		log_errno(r, "Cannot arm a timer for %s", d->name);
}
