/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The time in which somebody who applied a configuration says that he is still there. See restore.h.
 */
#include <errno.h>

#include "attach.h"
#include "change.h"
#include "clock.h"
#include "links.h"
#include "log.h"
#include "restore.h"
#include "watch.h"

#define RETRY_USEC (5 * 1000000ULL)

/* ------------------------------------------------------------------------------ the time */

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct device *d = userdata;

	log_message(LOG_WARNING, &(struct log_fields){ .interface = d->name },
		    "%s: changes were not confirmed in time; rolling back.", d->name);
	device_roll_back(d);
	return 0;
}

static void arm(struct device *d, uint64_t usec)
{
	int r;

	d->trial.timer = sd_event_source_disable_unref(d->trial.timer);
	/* Also while the machine sleeps. */
	r = sd_event_add_time_relative(d->devices->loop->event, &d->trial.timer, CLOCK_BOOTTIME, usec, 0,
				       on_timeout, d);
	if (r >= 0)
		loop_set_protection(d->trial.timer);
	else
		log_errno(r, "Cannot arm the timer that rolls %s back", d->name);
}

static void await(struct device *d)
{
	uint64_t now = now_usec(CLOCK_BOOTTIME);

	d->trial.state = TRIAL_AWAITED;
	arm(d, d->trial.until > now ? d->trial.until - now : 0);
}

void device_retry_rollback(struct device *d)
{
	if (d->trial.state == TRIAL_NONE)
		d->trial.state = TRIAL_OVERDUE;
	arm(d, RETRY_USEC);
}

void device_end_trial(struct device *d)
{
	sd_event_source_disable_unref(d->trial.timer);
	d->trial = (struct trial){};
}

/* The job says exactly until when. */
void device_begin_trial(struct device *d, uint64_t confirm_within)
{
	d->trial.state = TRIAL_APPLYING;
	d->trial.until = now_usec(CLOCK_BOOTTIME) + confirm_within;
}

void device_await_confirmation(struct device *d, uint64_t until_usec)
{
	d->trial.until = until_usec;
	d->trial.told = 0;
	if (d->trial.state != TRIAL_CONFIRMING)
		await(d);
	log_message(LOG_INFO, &(struct log_fields){ .interface = d->name, .event = "unconfirmed" },
		    "%s: changes are rolled back unless they are confirmed.", d->name);
	watch_announce(d->devices->server, &(struct announcement){
					   .event = "unconfirmed", .interface = device_name(d),
					   .reason = "changes are rolled back unless they are confirmed",
					   .deadline_usec = tell_boottime(until_usec, &d->trial.told) });
}

/* ----------------------------------------------------------- acts on the file alone */

struct note {
	struct change change;
	bool release; /* not held any more; else confirmed */
};

static void note_run(struct nic *nic, void *data)
{
	struct note *n = data;
	struct change *c = &n->change;

	c->r = nic->ops->observe_steering(nic, &c->reconcile.state, &c->fault);
	if (c->r == 0)
		c->r = change_read(nic, c);
	if (c->r != 0)
		return;
	if (n->release)
		c->baseline.unmanaged = UNMANAGED_NOT;
	else
		baseline_drop_rollback(&c->baseline);
	c->r = change_note(nic, c, "save the confirmation",
			   "Changes are still rolled back unless they are confirmed.");
}

static void note_adopt(struct note *n)
{
	struct device *d = n->change.device;
	bool reloaded;

	if (n->release || d->trial.state != TRIAL_CONFIRMING)
		return;
	if (n->change.r != 0) {
		await(d);
		return;
	}
	reloaded = d->trial.reloaded;
	device_end_trial(d);
	log_message(LOG_INFO, &(struct log_fields){ .interface = d->name, .event = "confirmed" },
		    "%s: what was applied is confirmed.", d->name);
	device_announce(d, "confirmed", NULL);
	/* What was left alone meanwhile. */
	if (reloaded && device_is_managed(d))
		device_reconfigure(d);
	else
		device_retry_pending(d);
}

static void note_free(struct note *n)
{
	change_done(&n->change);
	free(n);
}

static void note_done(void *data)
{
	struct note *n = data;
	struct device *d = n->change.device;

	if (change_is_current(&n->change))
		note_adopt(n);
	change_report(&n->change, 0);
	note_free(n);
	device_maybe_free(d);
}

static int note_submit(struct device *d, bool release, device_done done, void *userdata)
{
	struct note *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->release = release;
	r = change_init(&n->change, d, done, userdata);
	if (r == 0)
		r = device_submit(d, note_run, note_done, n);
	if (r < 0)
		note_free(n);
	return r;
}

int device_clear_unmanaged(struct device *d, device_done done, void *userdata)
{
	return note_submit(d, true, done, userdata);
}

int device_confirm(struct device *d, device_done done, void *userdata, struct fault *reterr)
{
	bool late = d->phase == DEVICE_RESTORING;
	int r;

	if (d->trial.until == 0 || late || d->trial.state == TRIAL_CONFIRMING)
		return fault_set(reterr, ZCRX_WRONG_STATE, late ? "going-back" : "confirmed",
				 late ? "It is too late: %s is being restored."
					       : "There is nothing to confirm on %s.", device_name(d));
	r = note_submit(d, false, done, userdata);
	if (r == 0) {
		d->trial.state = TRIAL_CONFIRMING;
		d->trial.timer = sd_event_source_disable_unref(d->trial.timer);
	}
	return r;
}

/* ------------------------------------------------------------------------- at start */

/* What was decided, or waits for a word that cannot come any more. */
static int is_unfinished(const struct devices *devices, const struct nic_link *link, bool *ret)
{
	_cleanup_free_ char *path = NULL, *set_aside = NULL;
	_cleanup_fault_ struct fault fault = {};
	_cleanup_origin_ struct baseline o = {};
	int r;

	r = baseline_path(devices->baseline_directory, link->ifindex, &path);
	if (r == 0)
		r = baseline_read(path, link->ifindex, link->driver, &o, &set_aside, &fault);
	if (r > 0) {
		log_error("%s", fault.message);
		return -fault.error;
	}
	if (r < 0)
		return r;
	if (set_aside)
		log_error("%s. The baseline of %s is lost.", set_aside, link->name);
	*ret = o.rollback;
	return 0;
}

static int resume(struct devices *devices, const struct nic_link *link)
{
	bool unfinished = false;
	struct device *d;
	int r;

	r = is_unfinished(devices, link, &unfinished);
	if (r < 0 || !unfinished)
		return r;
	r = devices_claim(devices, link, &d);
	if (r == 0)
		d->trial.state = TRIAL_OVERDUE;
	return r;
}

int devices_resume_rollbacks(struct devices *devices)
{
	struct nic_link *links;
	size_t n;
	int r;

	r = devices->backend->ops->links(devices->backend, &links, &n);
	if (r != 0)
		return r < 0 ? r : -EIO;
	for (size_t i = 0; i < n && r == 0; i++)
		if (!config_find_interface(devices->config, &links[i], NULL))
			r = resume(devices, &links[i]);
	nic_links_free(links, n);
	return r;
}
