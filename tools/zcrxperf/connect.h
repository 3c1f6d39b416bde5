/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How `send` and `answer` get to the other side. Both give an exit status, and say what failed. */
#pragma once

#include <netdb.h>

#include "options.h"

/* For freeaddrinfo(). */
int connect_resolve(const struct options *o, struct addrinfo **ret);
/* To the first of the addresses that answers; waits. */
int connect_one(const struct options *o, const struct addrinfo *address, int *ret);
