/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See events.h. What an event means for a device or a lease is theirs to decide.
 */
#include "attach.h"
#include "devices.h"
#include "drift-watch.h"
#include "events.h"
#include "leases.h"
#include "links.h"
#include "log.h"
#include "proof-check.h"
#include "receivers.h"
#include "standing.h"

static void on_link(struct devices *devices, unsigned ifindex)
{
	struct device *d;
	int r;

	r = devices_sync(devices);
	if (r < 0)
		log_errno(r, "Cannot list interfaces");
	d = devices_find_by_index(devices, ifindex);
	if (d) {
		/* It may have been put under another device. */
		proofs_check(devices->leases);
		/* Up or down: what the kernel could not say before, it may say now. */
		device_retry_quarantined(d);
		/* A driver that went down and up, or got another address, may have lost its rules. */
		drift_request_scan(d, true);
	}
}

static void on_overrun(struct devices *devices)
{
	struct device *d;
	int r;

	log_warning("Kernel notifications were lost; looking at everything again.");
	r = devices_sync(devices);
	if (r >= 0)
		r = leases_check_links(devices->leases);
	if (r < 0)
		log_errno(r, "Cannot list interfaces");
	proofs_resync(devices->leases);
	TAILQ_FOREACH(d, &devices->list, entry)
		if (device_is_open(d)) {
			proofs_addresses_changed(d);
			device_retry_quarantined(d);
			drift_request_scan(d, true);
		}
}

/* Whose sockets receive what comes in on a NIC may be others, of whichever link it is told. */
static void end_looks(struct devices *devices)
{
	struct device *d;

	TAILQ_FOREACH(d, &devices->list, entry)
		standing_end(d);
}

void events_dispatch(const struct nic_event *event, void *userdata)
{
	struct devices *devices = userdata;
	struct device *d = event->ifindex > 0 ? devices_find_by_index(devices, event->ifindex) : NULL;

	if (event->type == NIC_EVENT_LINK || event->type == NIC_EVENT_LINK_GONE || event->type == NIC_EVENT_ADDRESSES)
		end_looks(devices);
	switch (event->type) {
	case NIC_EVENT_LINK:
		on_link(devices, event->ifindex);
		break;
	case NIC_EVENT_LINK_GONE:
		if (d)
			device_detach(d);
		else
			leases_link_gone(devices->leases, event->ifindex, event->lease, event->moved);
		break;
	case NIC_EVENT_ADDRESSES:
		receivers_addresses_changed(devices, event->ifindex);
		break;
	case NIC_EVENT_SOCKET_GONE:
		proofs_socket_gone(devices->leases, event->cookie);
		break;
	case NIC_EVENT_PAGE_POOL:
		if (d) {
			device_retry_quarantined(d);
			/* A driver that resets its device has set its table anew by now, tells nobody, and lets no
			 * packet come before it has the pools. */
			drift_request_scan(d, false);
		}
		break;
	case NIC_EVENT_SETTINGS:
		if (d)
			drift_request_scan(d, true);
		break;
	case NIC_EVENT_OVERRUN:
		on_overrun(devices);
		break;
	}
}
