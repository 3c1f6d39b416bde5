/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session-process.h without a process: sessions live on the daemon's own loop, and close what they have
 * to at once. inline-session.c is linked in place of session-spawn.c and the session's closer.c.
 */
#pragma once

/* The sessions of a daemon that has ended deliver what it said last, and end too. */
void inline_sessions_end(void);
