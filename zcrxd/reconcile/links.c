/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See links.h. A device object stands for one interface as long as that is there, whatever it is
 * called meanwhile; each entry of the configuration that has no interface has one that is missing.
 */
#include <errno.h>

#include "attach.h"
#include "devices.h"
#include "links.h"
#include "log.h"
#include "match.h"
#include "phase.h"
#include "receivers.h"
#include "stack.h"

/* ------------------------------------------------------------------------- whose is it */

static bool same_string(const char *a, const char *b)
{
	return a == b || (a && b && streq(a, b));
}

bool device_matches_entry(const struct device *d, const struct config_interface *c)
{
	const struct config_interface *own = &d->config;

	return same_string(own->name, c->name) && same_string(own->driver, c->driver) &&
	       same_string(own->mac, c->mac) && same_string(own->path, c->path);
}

const struct config_interface *config_find_interface(const struct config *c,
						     const struct nic_link *link,
						     const struct device *d)
{
	if (link->ifindex == SOFTWARE_IFINDEX)
		return c->software.zero_copy_queues > 0 ? &c->software : NULL;
	for (size_t i = 0; i < c->n_interfaces; i++) {
		const struct config_interface *entry = &c->interfaces[i];

		/* Without a permanent address it is still the same when it gets another one. */
		if (nic_link_matches(link, entry) ||
		    (d && entry->mac && device_matches_entry(d, entry) && !link->permanent_mac[0]))
			return entry;
	}
	return NULL;
}

/* The object that stands for the missing interface of an entry, or one more. */
static int find_missing(struct devices *devices, const struct config_interface *entry, struct device **ret)
{
	struct device *d;

	TAILQ_FOREACH(d, &devices->list, entry)
		if (d->ifindex == 0 && device_matches_entry(d, entry)) {
			*ret = d;
			return 0;
		}
	return device_new(devices, entry, ret);
}

int devices_claim(struct devices *devices, const struct nic_link *link, struct device **ret)
{
	const struct config_interface *entry;
	struct device *d;
	int r;

	d = devices_find_by_index(devices, link->ifindex);
	if (!d) {
		entry = config_find_interface(devices->config, link, NULL);
		r = entry ? find_missing(devices, entry, &d) : device_new(devices, NULL, &d);
		if (r == 0)
			r = device_set_link(d, link);
		if (r < 0)
			return r;
		device_event(d, DEVICE_LINK_FOUND, entry ? NULL : "nothing in the configuration matches it; it "
			     "is kept until its leases end");
	}
	*ret = d;
	return 0;
}

/* ------------------------------------------------------------------------------- links */

static int sync_present(struct device *d, const struct nic_link *link)
{
	const struct config_interface *entry = config_find_interface(d->devices->config, link, d);
	bool came_up = link->up && !d->link.up;
	int r;

	if (d->phase == DEVICE_GONE) /* that one; this one has to wait for the end of its leases */
		return 0;
	if (d->phase == DEVICE_CLOSED) {
		device_attach(d);
		return 0;
	}
	if (!streq(d->name, link->name))
		device_rename(d, link);
	r = device_set_link(d, link);
	if (r < 0)
		return r;
	if (!entry && device_has_entry(d))
		device_set_orphaned(
			d, "it was renamed, and nothing in the configuration matches it now; its "
			   "leases continue, and no more are granted");
	else if (entry && !device_matches_entry(d, entry))
		device_set_entry(d, entry);
	else if (entry && (came_up || d->detached) && device_phase_is_degraded(d->phase))
		device_reconfigure(d); /* there is much that drivers refuse while it is down, or detached */
	return 0;
}

static int sync_link(struct devices *devices, const struct nic_link *link)
{
	struct device *d = devices_find_by_index(devices, link->ifindex);
	int r;

	if (d)
		return sync_present(d, link);
	if (!config_find_interface(devices->config, link, NULL))
		return 0;
	r = devices_claim(devices, link, &d);
	if (r < 0)
		return r;
	device_attach(d);
	return 0;
}

/* Of an entry without an interface, why; in the way of which is at most an entry before it. */
static void explain_missing(struct devices *devices, struct device *d, const struct nic_link *links, size_t n)
{
	_cleanup_free_ char *reason = NULL;
	const struct device *other = NULL;

	for (size_t i = 0; i < n && !other; i++)
		if (nic_link_matches(&links[i], &d->config))
			other = devices_find_by_index(devices, links[i].ifindex);
	if (other && other->phase != DEVICE_GONE && device_has_entry(other) &&
	    asprintf(&reason, "%s matches, but belongs to the entry with %s, which comes first",
		     other->name, other->match) < 0)
		reason = NULL;
	if (!reason || (d->reason && streq(d->reason, reason)))
		return;
	device_explain(d, reason);
	log_warning("%s: %s.", d->match, reason);
}

/* As many missing ones as there are entries without an interface, and no more. */
static void review_missing(struct devices *devices, const struct nic_link *links, size_t n)
{
	struct device *d, *next, *other;

	for (d = TAILQ_FIRST(&devices->list); d; d = next) {
		bool surplus = false;

		next = TAILQ_NEXT(d, entry);
		if (d->ifindex > 0)
			continue;
		TAILQ_FOREACH(other, &devices->list, entry)
			surplus |= other != d && other->phase != DEVICE_GONE &&
				   device_matches_entry(other, &d->config);
		if (surplus)
			device_event(d, DEVICE_ENTRY_LOST, NULL);
		else
			explain_missing(devices, d, links, n);
	}
}

static int sync_once(struct devices *devices)
{
	struct device *d, *next;
	struct nic_link *links;
	size_t n;
	int r;

	r = devices_links(devices, &links, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r >= 0; i++)
		r = sync_link(devices, &links[i]);
	/* Should the message that it went have been lost. */
	for (d = r >= 0 ? TAILQ_FIRST(&devices->list) : NULL; d; d = next) {
		next = TAILQ_NEXT(d, entry);
		if (!links_find(links, n, d->ifindex))
			device_detach(d);
	}
	if (r >= 0)
		r = devices_create_missing(devices);
	if (r >= 0)
		r = receivers_review(devices, links, n);
	if (r >= 0)
		review_missing(devices, links, n);
	nic_links_free(links, n);
	return r;
}

int devices_create_missing(struct devices *devices)
{
	for (size_t i = 0; i < devices->config->n_interfaces; i++) {
		const struct config_interface *entry = &devices->config->interfaces[i];
		struct device *d;
		int r;

		TAILQ_FOREACH(d, &devices->list, entry)
			if (device_matches_entry(d, entry))
				break;
		if (d)
			continue;
		r = device_new(devices, entry, &d);
		if (r < 0)
			return r;
	}
	return 0;
}

#define AGAIN_USEC   1000000ULL
#define DOUBLED_MOST 6 /* 64 s */

static int on_again(sd_event_source *s, uint64_t usec, void *userdata)
{
	int r;

	r = devices_sync(userdata);
	if (r < 0)
		log_errno(r, "Cannot list interfaces");
	return 0;
}

/* Nobody tells of an interface twice. */
static void sync_again_later(struct devices *devices)
{
	unsigned n = devices->n_sync_failures < DOUBLED_MOST ? devices->n_sync_failures : DOUBLED_MOST;
	int r;

	devices->n_sync_failures++;
	r = loop_arm(devices->loop, &devices->sync_timer, AGAIN_USEC << n, on_again, devices);
	if (r < 0)
		log_errno(r, "Cannot arm the timer that lists interfaces");
}

int devices_sync(struct devices *devices)
{
	int r;

	/* From within: what ended there is looked at in another round. */
	if (!rerun_ask(&devices->syncing))
		return 0;
	devices->open_failed = false;
	do {
		rerun_begin(&devices->syncing);
		r = sync_once(devices);
	} while (rerun_end(&devices->syncing) && r >= 0);
	receivers_report(devices);
	if (r < 0 || devices->open_failed)
		sync_again_later(devices);
	else
		devices->n_sync_failures = 0;
	return r;
}
