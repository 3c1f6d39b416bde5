/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processes that own the connections of clients (zcrxd/session/session.h): one a user, started
 * with the first connection and ended when there has been none for some seconds. One that hangs
 * because it closes what a client gave it is left behind; the user's next connections get another.
 */
#pragma once

#include "server.h"

/* Of those that take connections; a further user shares one. */
#define SESSIONS_MAX 64
/* With those that wait for a client's files to be closed, or do not come to their end by them. */
#define SESSIONS_ALL_MAX 128
/* Of one user, with the latter. */
#define SESSIONS_PER_UID_MAX 4

struct session_process;

/* Sends `link` to a session of this user's, and starts one if need be. The caller keeps `link`. */
int session_send(struct server *server, uid_t uid, int link, struct session_process **ret);
/* A connection that was sent there has ended. */
void session_connection_ended(struct session_process *s);
/* All of them are hung up on. Connections have ended before. */
void sessions_free(struct server *server);

/* ---- session-spawn.c */
/* Starts zcrxd-session with this control socket. Tests have it in their own process, and return 0
 * as its pid; then they take over `control`, which is closed here otherwise. */
int session_spawn(sd_event *event, int control, pid_t *ret);
