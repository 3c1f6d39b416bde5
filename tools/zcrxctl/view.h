/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The impure part of how leases are shown: the clock and the user database.
 */
#pragma once

#include "lease-table.h"
#include "zcrxctl.h"

struct lease_view lease_view_now(const struct ctl *ctl, bool brief);

/* "web, alice": its name, if it has one, and its owner's. NULL: out of memory. */
char *lease_names(sd_json_variant *lease);

/* Add `ownerName` to a Lease, or each of an array of them, where there is such a user. -ENOMEM. */
int lease_name_owner(sd_json_variant **lease);
int leases_name_owners(sd_json_variant **leases);
