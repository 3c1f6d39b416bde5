/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Netkit devices that an earlier daemon has made and that no lease has.
 */
#pragma once

#include "fdstore.h"
#include "leases.h"

/* Deletes them, once all leases on record are there. */
void netkits_sweep(struct leases *leases, struct stored_fds *fds, const struct nic_link *links, size_t n);
