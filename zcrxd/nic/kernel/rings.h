/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which rings there are still. An area stays pinned for as long as somebody keeps the ring that it was
 * registered on, also where the queue was taken back, and the kernel shows that to nobody.
 *
 * So a ring is put into one epoll under a key (struct ifq_request). An epoll holds no reference: the
 * entry goes with the last copy of the ring, whoever had it, and /proc/self/fdinfo lists those that are
 * there. The epoll outlives the daemon in the service manager's store.
 */
#pragma once

#include "nic.h"

/* Before it is registered, in the process that does. `ring` may become another copy of it. */
int rings_watch(int rings, int *ring, uint64_t key);
void rings_forget(int rings, int ring);
/* Calls `found` for each that is there. */
int rings_read(int rings, void (*found)(uint64_t key, void *userdata), void *userdata);
/* How many there are with each of these keys. */
int rings_count(int rings, const uint64_t *keys, size_t n, unsigned *ret);
