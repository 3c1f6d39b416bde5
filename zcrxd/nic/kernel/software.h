/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queues without a NIC (ZCRX_REG_NODEV). The kernel has no object for them and shows nobody which
 * are in use: the area stays pinned for as long as somebody keeps the ring, and nothing takes it away. The
 * key of such a ring is its queue's number (rings.h).
 */
#pragma once

#include "nic.h"

/* `rings` is the epoll, borrowed. */
int software_open(int rings, const struct kernel_features *features, struct nic **ret);
