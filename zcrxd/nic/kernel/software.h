/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queues without a NIC (ZCRX_REG_NODEV). The kernel has no object for them and shows nobody which
 * are in use: the area stays pinned for as long as somebody keeps the ring, and nothing takes it away.
 *
 * So each ring is put into one epoll under its queue's number. An epoll holds no reference: the entry
 * goes with the last copy of the ring, whoever had it, and /proc/self/fdinfo lists those that are
 * there. The epoll outlives the daemon in the service manager's store.
 */
#pragma once

#include "nic.h"

/* `rings` is the epoll, borrowed. */
int software_open(int rings, const struct kernel_features *features, struct nic **ret);

/* Before it is registered, in the process that does. `ring` may become another copy of it. */
int software_watch_ring(int rings, int *ring, uint32_t queue);
void software_forget_ring(int rings, int ring);
