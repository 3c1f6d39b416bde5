/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which interface of the machine belongs to which entry of the configuration.
 */
#pragma once

#include "device.h"
#include "devices.h"

bool device_matches_entry(const struct device *d, const struct config_interface *c);
/* The first entry that matches; NULL for none. `d`: the device that the link has now, or NULL. */
const struct config_interface *config_find_interface(const struct config *c,
						     const struct nic_link *link,
						     const struct device *d);

/* The device of a link whose leases an earlier daemon has left, before anything is attached. One of
 * its own if nothing in the configuration matches it. */
int devices_claim(struct devices *devices, const struct nic_link *link, struct device **ret);

/* A missing device for each entry of the configuration that has none. */
int devices_create_missing(struct devices *devices);
/* All devices are brought in line with the links that there are and with the configuration: attached,
 * detached, renamed, left, dropped. */
int devices_sync(struct devices *devices);
