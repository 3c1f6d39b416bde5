/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection to a Varlink service on a unix socket, on which one call is made after the other. A message
 * is JSON that ends with a zero byte; descriptors come with its first bytes. Nothing here waits but
 * varlink_await() and, if it is given a timeout, varlink_connect().
 */
#pragma once

#include "message.h"

#define VARLINK_FDS_MAX	    253 /* the kernel takes no more with one message */
#define VARLINK_MESSAGE_MAX ((size_t)16 << 20)

struct varlink;

/* `path` is absolute, or starts with "@" (an abstract one). Negative errno: of socket(2) and connect(2);
 * -ETIMEDOUT if the service takes no connection for `timeout` us; with 0, -EAGAIN if it takes none now. */
int varlink_connect(const char *path, uint64_t timeout, struct varlink **ret);
/* On a socket that is connected, which it takes over. */
int varlink_new(int fd, struct varlink **ret);
/* NULL, always. */
struct varlink *varlink_free(struct varlink *v);

int varlink_get_fd(const struct varlink *v);

/* Attaches a duplicate to the next call; its number there. Or none of them. */
int varlink_push_fd(struct varlink *v, int fd);
void varlink_forget(struct varlink *v);

/* Begins a call; takes `parameters` over. -ENOMEM. */
int varlink_start(struct varlink *v, const char *method, json_object *parameters);
/* Sends and receives what it can. 1: the reply is there, 0: it is not yet; -ECONNRESET if the service hung
 * up, -EBADMSG if it is none, another negative errno: then the connection is of no more use. */
int varlink_process(struct varlink *v);
/* What for, in poll(2), while varlink_process() says 0; and a poll(2) for that, or -ETIMEDOUT. */
short varlink_events(const struct varlink *v);
int varlink_await(const struct varlink *v, uint64_t deadline);
/* The reply, which belongs to the connection until the next call, and the error that it is or NULL.
 * -EBADMSG. */
int varlink_get_reply(struct varlink *v, json_object **ret_parameters, const char **ret_error);
/* One that came with the last reply: the caller's from now on. -ENXIO if there is no such number. */
int varlink_take_fd(struct varlink *v, uint64_t index);
