/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Closes what clients sent, and their sockets. close(2) may wait for a file's own file system (a FUSE
 * server of the client's, which need never answer), for a TCP socket's peer (SO_LINGER), for the
 * kernel's grace periods (AF_PACKET), and for all that lies in a socket's queue; so it happens on a
 * thread of its own, and nobody waits for that. The process ends without it.
 */
#pragma once

#include <stddef.h>

struct closer;

int closer_new(struct closer **ret);
/* Takes over `fd`. */
void closer_close(struct closer *c, int fd);
/* How many wait, with the one that is being closed. */
size_t closer_backlog(struct closer *c);
/* Where closing happens at once: the thread is not waited for. */
void closer_free(struct closer *c);
