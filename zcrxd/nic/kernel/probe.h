/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the running kernel can do. Asks, and changes nothing.
 */
#pragma once

#include "netlink.h"
#include "types.h"

/* `release` is to be freed. */
int probe_kernel(struct netlink *route, const struct netlink_family *netdev,
		 struct kernel_features *ret);
