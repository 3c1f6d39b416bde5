/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One client's connection, as far as this process has it: who the client is, and the link to the
 * session that has its socket (session-process.h). The session parses and bounds what clients send;
 * it passes on one well-formed call at a time, and always takes the replies. sd-varlink dispatches and
 * answers; what is left to decide is whom it serves first, and whom it serves at all:
 *
 *  - A user whose calls take much of our time is served after all others.
 *  - Where there are too many connections, the one that has been idle for the longest time gives way,
 *    of the user who has the most of them.
 *
 * A client's socket is nothing that this process may be the last to close: its queue may hold files
 * whose close never returns. So it is handed over with the first byte of the link, and our copy is
 * closed before the link can be received.
 */
#pragma once

#include <systemd/sd-varlink.h>

#include "histogram.h"
#include "server.h"

/* Of all users, of which the last are for administrators, and of one user. */
#define CONNECTIONS_MAX		 4096
#define CONNECTIONS_ADMINISTRATORS 64
#define CONNECTIONS_PER_UID_MAX	 512
#define WATCHERS_PER_UID_MAX	 32

struct peer;

/* Takes over *fd, also when it refuses, with the reason in the journal. Negative: it can neither be
 * served nor refused for now, and *fd is still the caller's. */
int connection_new(struct server *server, int *fd);
/* Nobody is served any more; `fd` may be negative. */
void connection_refuse(struct server *server, int fd);
/* The server's callback: sd-varlink has ended it, or we did. */
void connection_ended(struct server *server, sd_varlink *link);
/* True if a call is being answered, or a client has only just connected and has not called yet. */
bool connections_have_calls(struct server *server);
/* Those that wait for who the policy names (accounts.h) are served, or ask whether they still have to. */
void connections_go_on(struct server *server);
/* What can be sent at once still is. Nobody is waited for. */
void connections_close(struct server *server);

/* Who is at the other end. */
struct user *connection_user(struct server *server, sd_varlink *link);
/* As the kernel said when it connected; NULL when the connection has ended. */
const struct peer *connection_peer(sd_varlink *link);
/* The process that connected, borrowed; or why there is none. */
int connection_pidfd(sd_varlink *link);
/* A call begins, whose time until its answer is added to `times`. */
void connection_time_call(sd_varlink *link, struct histogram *times);
