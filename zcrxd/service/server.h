/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Varlink server: the socket, the table of methods, and the limits of what a client may hold.
 */
#pragma once

#include "manager.h"

/* Not answering yet. Takes the sockets named "varlink" that activation has passed, or binds `path`. */
struct stored_fds;
int server_new(struct manager *m, const char *path, struct stored_fds *passed,
	       sd_varlink_server **ret);
/* From here on clients are answered; those that came before have waited. */
int server_answer(struct manager *m);
/* New connections wait for the next daemon; those that are there are still answered. */
void server_stop_listening(struct manager *m);
