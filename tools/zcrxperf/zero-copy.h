/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the modes zero-copy and copy have: zero-copy-open.c, mode-zero-copy.c; on threads, threads.c. */
#pragma once

#include <zcrx-client.h>

#include "session.h"

struct threads;

/* One loop for all rings: an epoll tells which of them have something. */
struct zero_copy {
	struct zcrx_client *client;
	struct zcrx_lease *lease;
	struct zcrx_queue *rings[QUEUES_MAX]; /* of queue i % n_queues; as many as queues, unless they are shared */
	unsigned int n_queues, n_rings;
	unsigned int turns[QUEUES_MAX]; /* which ring of a queue has the next connection */
	int epoll;
	struct threads *threads; /* NULL: none but this one */
};

/* A lease, its queues registered: mode_ops.open. */
int zero_copy_open(struct session *s);
/* Prints what zcrxd or the library said; the exit status for it, the same as zcrxctl's. */
int zero_copy_refuse(struct zero_copy *z, int error);

void zero_copy_handle(struct session *s, struct zcrx_queue *q, const struct zcrx_event *e);

/* A thread for each ring, which is its own from here on. *ret_fd is readable when the session should look
 * whether it is over. An exit status. */
int threads_start(struct session *s, struct zero_copy *z, int *ret_fd);
/* A connection for one of them. */
void threads_add(struct threads *t, unsigned int ring, struct connection *c);
/* Something has come to its end; in any thread. */
void threads_tell(struct threads *t);
/* Forgets that, and gives an exit status. */
int threads_heard(struct threads *t);
/* Ends them all, with their streams. */
void threads_stop(struct threads *t);
