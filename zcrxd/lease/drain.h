/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a lease: rules first, then everything else, in one order.
 */
#pragma once

#include "leases.h"

void lease_drain(struct lease *l);
/* Somebody deleted its netkit device: it is revoked, unless it turns out that the NIC is gone. */
void lease_netkit_deleted(struct lease *l, bool moved);
/* An administrator takes it back: rules now, the rest after the grace. Again: with less grace, or with
 * force. */
void lease_revoke(struct lease *l, uint64_t grace_usec, bool force, const char *reason);
/* The client is done with it: what is left of the grace is not waited for. */
void lease_skip_grace(struct lease *l);
void leases_retry_drain(struct device *d);
