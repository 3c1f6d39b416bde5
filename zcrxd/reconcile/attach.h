/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens to a device when its interface comes, goes, is called something else, or does not
 * belong to the configuration any more. reconcile/links.c sees that.
 */
#pragma once

#include "device.h"

/* A copy, as it was seen last. */
int device_set_link(struct device *d, const struct nic_link *link);

/* Its interface, which device_set_link told, is there: it is opened and configured. */
void device_attach(struct device *d);
/* The interface is gone: its leases end, then its worker. */
void device_detach(struct device *d);
/* It is called something else now. */
void device_rename(struct device *d, const struct nic_link *link);
/* No entry matches it any more: it is dropped once it has no leases, and what was applied for a try is
 * confirmed or put back. */
void device_set_orphaned(struct device *d, const char *reason);
/* Drops it, if that is so now. Whoever calls this from a job's end still has its job. */
void device_maybe_free(struct device *d);
/* Another entry matches it now, or one again. */
void device_set_entry(struct device *d, const struct config_interface *entry);
/* Something that kept it from its configuration may have changed. */
void device_reconfigure(struct device *d);
/* Its last lease may have ended: what had to wait for that is done. */
void device_on_lease_freed(struct device *d);
