/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection to a Varlink service on a unix socket, on which one call is made after the other. A message
 * is JSON that ends with a zero byte; descriptors come with its first bytes.
 */
#pragma once

#include "message.h"

#define VARLINK_FDS_MAX	    253 /* the kernel takes no more with one message */
#define VARLINK_MESSAGE_MAX ((size_t)16 << 20)

struct varlink;

/* `path` is absolute, or starts with "@" (an abstract one). Negative errno: of socket(2) and connect(2);
 * -ETIMEDOUT if the service takes no connection for `timeout` us. */
int varlink_connect(const char *path, uint64_t timeout, struct varlink **ret);
/* On a socket that is connected, which it takes over. */
int varlink_new(int fd, struct varlink **ret);
/* NULL, always. */
struct varlink *varlink_free(struct varlink *v);

int varlink_get_fd(const struct varlink *v);

/* Attaches a duplicate to the next call; its number there. */
int varlink_push_fd(struct varlink *v, int fd);
/*
 * Takes `parameters` over. 0 with the reply, which belongs to the connection until the next call, and the
 * error that it is or NULL. -ECONNRESET if the service hung up, -ETIMEDOUT if it said nothing for `timeout`
 * us, -EBADMSG if it is none, another negative errno; then the connection is of no more use.
 */
int varlink_call(struct varlink *v, const char *method, json_object *parameters, uint64_t timeout,
		 json_object **ret_parameters, const char **ret_error);
/* One that came with the last reply: the caller's from now on. -ENXIO if there is no such number. */
int varlink_take_fd(struct varlink *v, uint64_t index);
