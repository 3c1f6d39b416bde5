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
#include "phase.h"
#include "serving.h"

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

static void on_started(struct device *d, const struct device_report *report, void *userdata)
{
	d->devices->hooks->started(d->devices);
}

/* 0, or the interface is forgotten, unless leases of an earlier daemon keep it. */
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
	log_error("Cannot open interface %s: %s", d->name, fault_text(r, &fault));
	if (asprintf(&reason, "%s cannot be opened: %s", d->name, fault_text(r, &fault)) < 0)
		reason = NULL;
	if (device_is_unused(d))
		device_event(d, DEVICE_UNUSED, reason ?: "it cannot be opened");
	return r < 0 ? r : -EIO;
}

void device_attach(struct device *d)
{
	device_done started = d->devices->ready ? NULL : on_started;
	int r = 0;

	if (device_open(d) < 0)
		return;
	d->generation++;
	device_event(d, DEVICE_OPENED,
		     device_has_entry(d) ? "it has appeared, and is being configured" : NULL);
	d->devices->n_starting += started != NULL;
	/* Before anything else: the guard that these may have is for no other flow; ... */
	orphans_remove(d);
	/* ... what an earlier daemon's leases have is guarded again, ... */
	flow_guard_set(d);
	/* ... and what these were opened to meanwhile is closed. */
	drift_request_scan(d, false);
	if (device_is_managed(d))
		r = device_configure(d, CONFIGURE_AUTO, started, NULL);
	if (r < 0) {
		log_errno(r, "Cannot configure %s", d->name);
		device_event(d, DEVICE_FAILED, strerror(-r));
	}
	if (started && (!device_is_managed(d) || r < 0))
		started(d, NULL, NULL);
	leases_resume(d);
	if (d->trial.state == TRIAL_OVERDUE && !device_is_managed(d))
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
	device_event(d, DEVICE_LINK_GONE, "it is going away");
	device_maybe_free(d);
}

void device_maybe_free(struct device *d)
{
	struct devices *devices = d->devices;
	int r;

	if (!device_is_unused(d) || (d->phase != DEVICE_ORPHANED && d->phase != DEVICE_GONE))
		return;
	flow_guard_set(d); /* for no flow */
	device_event(d, DEVICE_UNUSED, NO_INTERFACE);
	/* It may be back already, or in the configuration again. */
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
	d->config.name = d->config.driver = d->config.mac = d->config.path = NULL;
	device_event(d, DEVICE_ENTRY_LOST, reason);
	if (d->phase == DEVICE_ORPHANED && device_is_unused(d)) {
		flow_guard_set(d); /* for no flow */
		device_event(d, DEVICE_UNUSED, NULL);
		return;
	}
	log_message(LOG_INFO, &(struct log_fields){ .interface = d->name },
		    "%s is kept until its leases end: %s", d->name, reason);
	save_leases(d);
}

void device_set_entry(struct device *d, const struct config_interface *entry)
{
	log_message(LOG_INFO, &(struct log_fields){ .interface = d->name },
		    "%s belongs to another entry of the configuration now.", d->name);
	device_set_config(d, entry);
	device_event(d, DEVICE_ENTRY_GAINED, NULL);
	save_leases(d);
	device_reconfigure(d);
}

void device_on_lease_freed(struct device *d)
{
	device_retry_pending(d);
	device_serve(d);
	if (d->drift.watch.found && device_is_managed(d))
		drift_request_scan(d, true); /* it may be repaired now */
	device_maybe_free(d);
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
