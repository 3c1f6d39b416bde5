/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One client's connection: messages from the client to zcrxd and back (session.h). Clients are
 * hostile, zcrxd is not:
 *
 *  - A call is passed on when the one before is answered and its replies are taken.
 *  - A message has MESSAGE_MAX bytes and MESSAGE_FDS_MAX descriptors at most.
 *  - Half a message and unread replies are not waited for longer than STALL_USEC.
 *  - What all connections of the session hold has a bound, HELD_MAX; whoever goes beyond it is dropped.
 *    The first KiB of each, more than most ever need, do not count.
 */
#pragma once

#include "session.h"

/* Takes over `link`, in which the client's socket comes first. */
void relay_new(struct session *s, uid_t uid, int link);
void relay_end(struct relay *y);
/* After session_may_read() has changed its answer. */
void relay_update(struct relay *y);
struct relay *relay_next(struct relay *y);
