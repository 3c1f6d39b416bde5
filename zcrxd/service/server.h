/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Varlink server: the socket, the table of methods, and the limits of what a client may hold.
 */
#pragma once

#include "manager.h"

/* Takes the sockets named "varlink" that activation has passed, or binds `path`. */
struct stored_fds;
int server_new(struct manager *m, const char *path, struct stored_fds *passed,
	       sd_varlink_server **ret);
/* A connection to come from elsewhere: tests and the fuzzer. */
int server_add_connection(sd_varlink_server *s, int fd);
