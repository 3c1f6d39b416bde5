/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What `zcrxctl status` shows, as text: the kernel, each interface with its queue map, the leases,
 * and what is wrong. Pure.
 */
#pragma once

#include "lease-table.h"

/* `description` is the reply of Describe, `leases` an array of Lease. */
int status_write(FILE *f, sd_json_variant *description, sd_json_variant *leases,
		 const struct lease_view *view);
