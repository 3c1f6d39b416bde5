/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sockets that clients connect to. Where descriptors run out, connections wait in the kernel's
 * queue until there are some again; nothing spins, and nothing is given up.
 */
#pragma once

#include "server.h"

struct stored_fds;

/* Takes the sockets named "varlink" that activation has passed, or binds `path`. */
int listeners_new(struct server *server, const char *path, struct stored_fds *passed);
/* From here on clients are answered; those that came before have waited. */
int listeners_start(struct server *server);
/* New connections wait for the next daemon; those that are there are still answered. */
void listeners_free(struct server *server);
