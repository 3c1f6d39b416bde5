/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One client's connection, and what it may hold of ours. sd-varlink parses, dispatches and answers;
 * when it may do so is decided here, for by itself it reads 16 MiB before it looks for the end of a
 * message, takes further calls from a client that does not take its replies, and waits for ever for
 * a client to read when the daemon ends.
 *
 *  - A client that leaves replies unread is not read from until it has taken them.
 *  - A message has MESSAGE_MAX bytes and MESSAGE_FDS_MAX descriptors at most.
 *  - Half a message and unread replies are not waited for longer than ten seconds.
 *  - What the connections of a user hold, and those of all users, has a bound. Whoever goes beyond it
 *    is dropped; the first KiB of each, more than most ever need, do not count.
 *  - A user whose calls take much of our time is served after all others.
 */
#pragma once

#include <systemd/sd-varlink.h>

#include "manager.h"

/* Of all users, of which the last are for administrators, and of one user. */
#define CONNECTIONS_MAX		 4096
#define CONNECTIONS_ADMINISTRATORS 64
#define CONNECTIONS_PER_UID_MAX	 512
#define WATCHERS_PER_UID_MAX	 32
/* An Acquire with as many flows as a lease can have is less than it. */
#define MESSAGE_MAX	(64 * 1024)
#define MESSAGE_FDS_MAX 8

/* Takes over `fd`, also when it refuses: a positive value, with the reason in the journal. */
int connection_new(struct manager *m, int fd);
/* The server's callback: sd-varlink has ended it, or we did. */
void connection_ended(struct manager *m, sd_varlink *link);
/* What can be sent at once still is. Nobody is waited for. */
void connections_close(struct manager *m);

/* Who is at the other end. */
struct user *connection_user(struct manager *m, sd_varlink *link);
