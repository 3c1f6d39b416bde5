/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mlx5 waits, whenever a queue restarts, until the ring of every queue has some buffers, also of those whose buffers
 * are a client's: for 20 s at most, in which the whole NIC receives nothing. So a lease whose queue is dry is ended
 * before zcrxd binds or unbinds another one there. What others restart (an administrator's ethtool, a client that
 * closes a ring of which zcrxd has no export) is beyond this.
 */
#pragma once

#include "leases.h"

/* Some lease is, other than this one, and is being ended: -EINPROGRESS, and `ended` is called with it when it is
 * over. 0: none is. */
int dry_wait(struct lease *l, lease_ended ended, void *userdata);
/* The same for who asks again: false also once he has waited for long enough. */
bool dry_is_in_the_way(struct lease *l);
