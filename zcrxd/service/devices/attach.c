/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See attach.h. An interface that is gone takes its worker, its inventory and its leases with it; the
 * device object stays, missing, for the next one that matches.
 */
#include <errno.h>

#include "adopt.h"
#include "attach.h"
#include "leases.h"
#include "log.h"
#include "reload.h"
#include "watch.h"

/* ------------------------------------------------------------------------- whose is it */

bool device_matches(const struct config_interface *c, const struct nic_link *link)
{
	if (c->name)
		return streq(c->name, link->name);
	if (c->driver)
		return streq(c->driver, link->driver);
	if (c->mac)
		return link->kind[0] == '\0' && streq(c->mac, link->mac);
	return c->path && link->path && streq(c->path, link->path);
}

bool device_wants(const struct device *d, const struct nic_link *link)
{
	return d->leaving ? streq(d->match, link->name) : device_matches(&d->config, link);
}

/* ---------------------------------------------------------- coming and going */

static void device_set_missing(struct device *d)
{
	drift_forget(d);
	worker_retire(TAKE_PTR(d->worker));
	d->observed = nic_state_free(d->observed);
	d->memory = (struct nic_memory){};
	d->blocked = false;
	inventory_done(&d->inventory);
	inventory_init(&d->inventory);
	d->gone = false;
	d->ifindex = 0;
	d->name[0] = '\0';
	d->state = DEVICE_MISSING;
	free(d->reason);
	d->reason = strdup("no such interface now");
	manager_update_status(d->manager);
}

static void on_first_configured(struct device *d, const struct device_report *report,
				void *userdata)
{
	(void)report;
	(void)userdata;
	if (!d->configured_once) {
		d->configured_once = true;
		manager_device_started(d->manager);
	}
}

void device_attach(struct device *d, const struct nic_link *link)
{
	_cleanup_fault_ struct fault fault = {};
	struct nic_backend *b = d->manager->backend;
	struct nic *nic;
	int r;

	if (d->worker) {
		if (d->ifindex == link->ifindex)
			memcpy(d->name, link->name, sizeof(d->name));
		return;
	}
	r = b->ops->open(b, link->ifindex, &nic, &fault);
	if (r == 0) {
		r = worker_new(d->manager->event, nic, &d->worker);
		if (r < 0)
			nic->ops->close(nic);
	}
	if (r != 0) {
		log_error("Cannot open interface %s: %s", link->name,
			  r > 0 ? fault.message : strerror(-r));
		return;
	}
	d->ifindex = link->ifindex;
	memcpy(d->name, link->name, sizeof(d->name));
	if (d->manager->ready)
		watch_announce_interface(d, "appeared", NULL);
	if (!d->manager->ready && !d->configured_once)
		d->manager->starting++;
	else
		d->configured_once = true;
	/* Before anything else: what an earlier daemon's leases were opened to meanwhile is closed. */
	drift_look(d, false);
	if (d->leaving)
		on_first_configured(d, NULL, NULL);
	else {
		r = device_configure(d, CONFIGURE_APPLY, on_first_configured, NULL);
		if (r < 0) {
			log_errno(r, "Cannot configure %s", d->name);
			on_first_configured(d, NULL, NULL);
		}
	}
	leases_resume(d);
}

void device_detach(struct device *d)
{
	if (!d->worker || d->gone)
		return;
	d->gone = true;
	watch_announce_interface(d, "gone", NULL);
	leases_interface_gone(d);
	device_lease_gone(d);
}

void device_lease_gone(struct device *d)
{
	int r;

	device_unblock(d);
	if (d->drift.found && !d->leaving)
		drift_look(d, true); /* it may be repaired now */
	if (d->n_leases > 0)
		return;
	if (d->leaving) {
		struct manager *m = d->manager;

		device_drop(d);
		/* It may have come into the configuration again meanwhile. */
		r = manager_sync_devices(m);
		if (r < 0)
			log_errno(r, "Cannot look for interfaces");
	} else if (d->gone) {
		device_set_missing(d);
	}
}

/* ------------------------------------------------------------------------------- links */

static void attach_links(struct manager *m, const struct nic_link *links, size_t n)
{
	struct device *d;

	TAILQ_FOREACH(d, &m->devices, entry)
		for (size_t i = 0; i < n; i++) {
			struct device *other = manager_find_device_by_index(m, links[i].ifindex);

			/* Two entries may match one link: the first has it. */
			if ((!other || other == d) && device_wants(d, &links[i])) {
				device_attach(d, &links[i]);
				break;
			}
		}
}

int manager_sync_devices(struct manager *m)
{
	struct nic_link *links;
	size_t n;
	int r;

	r = manager_create_devices(m);
	if (r < 0)
		return r;
	r = m->backend->ops->links(m->backend, &links, &n);
	if (r != 0)
		return r < 0 ? r : -EIO;
	attach_links(m, links, n);
	nic_links_free(links, n);
	return 0;
}
