/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See phase.h.
 */
#include <assert.h>

#include "drift-watch.h"
#include "flow-guard.h"
#include "leases.h"
#include "log.h"
#include "phase.h"
#include "problems.h"
#include "restore.h"
#include "retry.h"

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && streq(a, b));
}

static void set_reason(struct device *d, const char *reason)
{
	char *copy = reason ? strdup(reason) : NULL;

	free(d->reason);
	d->reason = copy;
}

/* ----------------------------------------------------------------------------- what is told */

static void announce_configured(const struct device *d, enum device_event event)
{
	const struct carve_out *c = &d->inventory.carve_out;

	log_message(LOG_INFO, &(struct log_fields){ .interface = d->name, .event = "configured" },
		    d->ifindex == SOFTWARE_IFINDEX ?
			    "%s: queues %u to %u are offered; what comes in on them is copied." :
		    event == DEVICE_APPLIED ? "%s is configured: queues %u to %u are for zero-copy receive."
					    : "%s is configured already: queues %u to %u are for "
					      "zero-copy receive.",
		    d->name, c->zero_copy_first, c->zero_copy_first + c->zero_copy_count - 1);
	device_announce(d, "configured", NULL);
}

static void announce_failure(const struct device *d, enum device_event event)
{
	bool restore = event == DEVICE_RESTORE_FAILED;

	log_message(restore ? LOG_ERR : LOG_WARNING,
		    &(struct log_fields){ .interface = d->name, .event = "failed" },
		    restore ? "%s cannot be restored: %s" : "%s is degraded: %s", d->name, d->reason ?: "");
	device_announce(d, "failed", d->reason);
}

static void announce(const struct device *d, enum device_event event)
{
	if (event == DEVICE_OPENED) {
		if (d->devices->ready)
			device_announce(d, "appeared", NULL);
	} else if (event == DEVICE_LINK_GONE) {
		log_message(LOG_INFO, &(struct log_fields){ .interface = d->name, .event = "gone" },
			    "%s is gone.", d->name);
		device_announce(d, "gone", NULL);
	} else if (event == DEVICE_APPLIED || event == DEVICE_VERIFIED) {
		announce_configured(d, event);
	} else if (event == DEVICE_RESTORED) {
		log_message(LOG_INFO, &(struct log_fields){ .interface = d->name, .event = "restored" },
			    "%s: %s", d->name, d->reason ?: "");
		device_announce(d, "restored", d->reason);
	} else
		announce_failure(d, event);
}

/* ------------------------------------------------------------------------------ what is done */

static void reset_inventory(struct device *d)
{
	inventory_done(&d->inventory);
	inventory_init(&d->inventory);
	d->memory = (struct nic_quirks) {};
}

static void close_interface(struct device *d)
{
	drift_reset(d);
	device_retry_done(d);
	flow_guard_forget(d);
	d->n_strays = 0;
	worker_retire(TAKE_PTR(d->worker), &d->devices->retired);
	d->observed = nic_state_free(d->observed);
	reset_inventory(d);
	device_end_trial(d);
	receiver_done(&d->receiver);
	d->ifindex = 0;
	d->name[0] = '\0';
}

static void perform(struct device *d, unsigned effects, enum device_event event, bool news)
{
	if (effects & DEVICE_STOP_RETRY)
		device_retry_done(d);
	if (effects & DEVICE_RESET_DRIFT)
		drift_reset(d); /* what it differs in from now on is no drift */
	if (effects & DEVICE_RESET_INVENTORY)
		reset_inventory(d);
	if (effects & DEVICE_END_TRIAL)
		device_end_trial(d);
	if (effects & DEVICE_ANNOUNCE && news)
		announce(d, event);
	if (effects & DEVICE_RETRY)
		device_retry(d);
	if (effects & DEVICE_CLOSE)
		close_interface(d);
	status_update(d->devices);
	if (effects & DEVICE_END_LEASES)
		leases_interface_gone(d);
	if (effects & DEVICE_FREE)
		device_drop(d);
}

void device_event(struct device *d, enum device_event event, const char *reason)
{
	struct device_transition t = device_step(d->phase, event);
	enum device_phase before = d->phase;
	bool news;

	assert(t.verdict != DEVICE_ILLEGAL);
	if (t.verdict == DEVICE_IGNORE)
		return;
	news = t.next != before || event == DEVICE_APPLIED || (reason && !same(reason, d->reason));
	d->phase = t.next;
	if (reason || t.next == DEVICE_CONFIGURED)
		set_reason(d, reason);
	if (t.next != before)
		log_message(LOG_DEBUG, &(struct log_fields){ .interface = device_name(d) },
			    "%s: %s -> %s", device_name(d), device_phase_to_string(before),
			    device_phase_to_string(t.next));
	perform(d, t.effects, event, news);
	/* One that was lost while it was away, or being restored. */
	if (!(t.effects & DEVICE_FREE) && device_phase_needs_entry(t.next) && !device_has_entry(d))
		device_event(d, DEVICE_ENTRY_LOST, NULL);
}

void device_explain(struct device *d, const char *reason)
{
	set_reason(d, reason);
	status_update(d->devices);
}
