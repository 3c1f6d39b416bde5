/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See attach.h. An interface that is gone takes its worker, its inventory and its leases with it; one
 * that no entry matches any more is left to its leases until they end.
 */
#include <errno.h>

#include "attach.h"
#include "drift-watch.h"
#include "flow-guard.h"
#include "leases.h"
#include "links.h"
#include "log.h"
#include "problems.h"
#include "restore.h"
#include "resume.h"
#include "retry.h"
#include "snapshot.h"
#include "standstill.h"
#include "orphans.h"

#define NO_INTERFACE "no such interface now"

int device_set_link(struct device *d, const struct nic_link *link)
{
	_cleanup_free_ char *altnames = NULL, *path = NULL;

	altnames = link->altnames ? strdup(link->altnames) : NULL;
	path = link->path ? strdup(link->path) : NULL;
	if ((link->altnames && !altnames) || (link->path && !path))
		return -ENOMEM;
	free(d->link.altnames);
	free(d->link.path);
	d->link = *link;
	d->link.altnames = TAKE_PTR(altnames);
	d->link.path = TAKE_PTR(path);
	d->ifindex = link->ifindex;
	memcpy(d->name, link->name, sizeof(d->name));
	return receiver_begin(d);
}

static void device_set_missing(struct device *d, const char *reason)
{
	drift_reset(d);
	device_retry_done(d);
	flow_guard_forget(d);
	worker_retire(TAKE_PTR(d->worker));
	d->observed = nic_state_free(d->observed);
	d->memory = (struct nic_quirks) {};
	d->blocked = false;
	inventory_done(&d->inventory);
	inventory_init(&d->inventory);
	device_clear_confirmation(d);
	d->gone = false;
	d->held = false;
	receiver_done(&d->receiver);
	d->ifindex = 0;
	d->name[0] = '\0';
	d->state = DEVICE_MISSING;
	device_set_reason(d, reason);
	status_update(d->devices);
}

static void on_first_configured(struct device *d, const struct device_report *report,
				void *userdata)
{
	(void)report;
	(void)userdata;
	if (!d->counted_ready) {
		d->counted_ready = true;
		d->devices->hooks->started(d->devices);
	}
}

/* 0, or it stays missing with the reason. */
static int device_open(struct device *d)
{
	_cleanup_fault_ struct fault fault = {};
	_cleanup_free_ char *reason = NULL;
	struct nic_backend *b = d->devices->backend;
	struct nic *nic;
	int r;

	r = b->ops->open(b, d->ifindex, &nic, &fault);
	if (r == 0) {
		r = worker_new(d->devices->loop->event, nic, &d->worker);
		if (r < 0)
			nic->ops->close(nic);
	}
	if (r == 0) {
		device_watch_worker(d);
		return 0;
	}
	if (r != ZCRX_NO_SUCH_INTERFACE) /* else its end is told, too */
		d->devices->open_failed = true;
	log_error("Cannot open interface %s: %s", d->name, r > 0 ? fault.message : strerror(-r));
	if (asprintf(&reason, "%s cannot be opened: %s", d->name,
		     r > 0 ? fault.message : strerror(-r)) < 0)
		reason = NULL;
	/* Leases of an earlier daemon keep it: they are tried again, until the interface is gone. */
	if (d->n_leases == 0)
		device_set_missing(d, reason ?: "it cannot be opened");
	return r < 0 ? r : -EIO;
}

void device_attach(struct device *d)
{
	int r;

	if (device_open(d) < 0) {
		device_maybe_free(d);
		return;
	}
	d->generation++;
	if (d->state == DEVICE_MISSING)
		device_set_reason(d, "it has appeared, and is being configured");
	d->fresh = d->devices->ready;
	if (d->devices->ready)
		device_announce(d, "appeared", NULL);
	if (!d->devices->ready && !d->counted_ready)
		d->devices->n_starting++;
	else
		d->counted_ready = true;
	/* Before anything else: the guard that these may have is for no other flow; ... */
	orphans_remove(d);
	/* ... what an earlier daemon's leases have is guarded again, ... */
	flow_guard_set(d);
	/* ... and what these were opened to meanwhile is closed. */
	drift_request_scan(d, false);
	if (d->leaving)
		on_first_configured(d, NULL, NULL);
	else {
		r = device_configure(d, CONFIGURE_AUTO, on_first_configured, NULL);
		if (r < 0) {
			log_errno(r, "Cannot configure %s", d->name);
			device_retry(d);
			on_first_configured(d, NULL, NULL);
		}
	}
	leases_resume(d);
	if (d->unfinished && d->leaving)
		device_roll_back(d);
}

void device_reconfigure(struct device *d)
{
	int r;

	r = device_configure(d, CONFIGURE_AUTO, NULL, NULL);
	if (r == 0)
		return;
	log_errno(r, "Cannot configure %s", d->name);
	device_retry(d);
}

void device_detach(struct device *d)
{
	if (d->ifindex == 0 || d->gone)
		return;
	d->gone = true;
	log_message(LOG_INFO, &(struct log_fields){ .interface = d->name, .event = "gone" },
		    "%s is gone.", d->name);
	device_announce(d, "gone", NULL);
	leases_interface_gone(d);
	device_on_lease_freed(d);
}

/* No lease, and nothing that was applied for a try, is left of it. */
static bool device_can_free(const struct device *d)
{
	return d->n_leases == 0 && !d->going_back && !d->confirming && d->confirm_until == 0 &&
	       !d->confirm_timer;
}

void device_maybe_free(struct device *d)
{
	struct devices *devices = d->devices;
	int r;

	if (!d->leaving || d->dropped || !(d->gone ? d->n_leases == 0 : device_can_free(d)))
		return;
	flow_guard_set(d); /* for no flow */
	device_drop(d);
	/* It may have come into the configuration again meanwhile. */
	r = devices_sync(devices);
	if (r < 0)
		log_errno(r, "Cannot list interfaces");
}

/* What is said of their interface on record is another thing now. */
static void save_leases(struct device *d)
{
	struct lease *l;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		if (l->device == d)
			lease_forget_record(l);
	if (d->n_leases > 0)
		(void)leases_save(d->devices->leases);
}

void device_set_orphaned(struct device *d, const char *reason)
{
	d->leaving = true;
	d->config.name = d->config.driver = d->config.mac = d->config.path = NULL;
	if (device_can_free(d)) {
		flow_guard_set(d);
		device_drop(d);
		return;
	}
	device_retry_done(d);
	d->state = DEVICE_DEGRADED;
	d->drift.armed = false; /* of its settings nothing is expected */
	device_set_reason(d, reason);
	log_message(LOG_INFO, &(struct log_fields){ .interface = d->name },
		    "%s is kept until its leases end: %s", d->name, reason);
	save_leases(d);
}

void device_set_entry(struct device *d, const struct config_interface *entry)
{
	log_message(LOG_INFO, &(struct log_fields){ .interface = d->name },
		    "%s belongs to another entry of the configuration now.", d->name);
	d->leaving = false;
	device_set_config(d, entry);
	save_leases(d);
	device_reconfigure(d);
}

void device_on_lease_freed(struct device *d)
{
	struct devices *devices = d->devices;
	int r = 0;

	d->n_freed++;
	device_retry_pending(d);
	if (d->drift.found && !d->leaving)
		drift_request_scan(d, true); /* it may be repaired now */
	if (d->n_leases > 0)
		return;
	if (d->leaving) {
		device_maybe_free(d);
	} else if (d->gone) {
		device_set_missing(d, NO_INTERFACE);
		/* It may be back already. */
		r = devices_sync(devices);
	}
	if (r < 0)
		log_errno(r, "Cannot list interfaces");
}

void device_rename(struct device *d, const struct nic_link *link)
{
	_cleanup_free_ char *reason = NULL;
	char before[IFNAMSIZ];

	memcpy(before, d->name, sizeof(before));
	log_message(LOG_INFO, &(struct log_fields){ .interface = link->name },
		    "%s is called %s now.", before, link->name);
	if (asprintf(&reason, "it is called %s now", link->name) < 0)
		reason = NULL;
	device_announce(d, "gone", reason);
	memcpy(d->name, link->name, sizeof(d->name));
	device_announce(d, "appeared", NULL);
	save_leases(d);
}
