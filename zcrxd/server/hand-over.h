/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client's socket goes to its user's session, inside of the link: a socket pair, of which we keep one end.
 * Our copy of the socket is closed before the session can have it.
 */
#pragma once

#include "server.h"

/* *client is taken over. Negative: it is still the caller's. */
int hand_over(struct server *server, uid_t uid, int *client, struct session_process **ret, int *ret_link);
