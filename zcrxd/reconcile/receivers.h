/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What it means for leases, and what people are told, when another interface's sockets receive what comes
 * in at a NIC (receiver.h).
 */
#pragma once

#include "device.h"

/* Where it has changed. Not while devices come and go. */
void receivers_report(struct devices *devices);
/* The addresses of some device have changed. */
void receivers_addresses_changed(struct devices *devices, unsigned ifindex);

/* What of the traffic here is not steered, or reaches no lease at the moment, though somebody may expect it:
 * a sentence each, to be freed; NULL from the first that there is not. */
#define PROBLEMS_MAX 3
int device_problems(struct device *d, char *ret[PROBLEMS_MAX]);
