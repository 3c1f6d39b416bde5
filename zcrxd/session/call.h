/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client's message as zcrxd is to have it: parsed here, and written anew, so that nothing that a
 * client typed reaches zcrxd's parser; only values do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct call {
	char *text; /* with its NUL */
	size_t n;   /* without it */
	bool more;
	/* The client wants no reply. zcrxd is asked for one all the same: it says when zcrxd has let go
	 * of what came with the call. */
	bool oneway;
};

/* -EBADMSG: it is no JSON; -EPROTO: no Varlink. The caller frees ret->text. */
int call_rewrite(const char *message, struct call *ret);
/* Whether a reply of zcrxd's is the last one to its call. */
bool reply_is_last(const char *message);
