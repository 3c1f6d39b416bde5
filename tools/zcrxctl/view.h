/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The impure part of how leases are shown: the clock and the user database.
 */
#pragma once

#include "lease-table.h"
#include "zcrxctl.h"

struct lease_view lease_view_now(const struct ctl *ctl, bool brief);
