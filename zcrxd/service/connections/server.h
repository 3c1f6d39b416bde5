/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Varlink server. Which methods it has is methods/methods.h; who gets in is listener.h, what a client may hold and do to
 * us connection.h.
 */
#pragma once

#include "manager.h"

struct stored_fds;

/* As m->server, with the methods that `bind` knows; see listeners_new. Nobody is answered yet. */
int server_new(struct manager *m, int (*bind)(sd_varlink_server *s), const char *path,
	       struct stored_fds *passed);
void server_free(struct manager *m);
