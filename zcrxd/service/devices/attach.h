/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which interface of the machine belongs to which entry of the configuration, and what happens when
 * it comes and goes.
 */
#pragma once

#include "device.h"
#include "manager.h"

bool device_matches(const struct config_interface *c, const struct nic_link *link);
/* Also for a device that is leaving. */
bool device_wants(const struct device *d, const struct nic_link *link);

/* The interface is there: open it, configure it. Does nothing if it is open already. */
void device_attach(struct device *d, const struct nic_link *link);
/* It is gone: its leases end, then its worker. */
void device_detach(struct device *d);
/* Its last lease may have ended: what had to wait for that is done. */
void device_lease_gone(struct device *d);

/* A device object for each interface of the configuration, attached where the link is there. */
int manager_sync_devices(struct manager *m);
