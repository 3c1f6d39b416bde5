/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The users who have connections, and what all of a user's connections together cost us: time.
 */
#pragma once

#include <sys/resource.h>

#include "server.h"

struct user {
	LIST_ENTRY(user) entry;
	uid_t uid;
	unsigned n_ref, n_connections, n_watchers;
	uint64_t spent;		/* of our time, in microseconds; forgotten little by little */
	uint64_t spent_at;
	bool last;		/* has spent much: comes after others */
};

/* One reference more; NULL: no memory. A user who has spent much is remembered for a while. */
struct user *user_get(struct server *server, uid_t uid);
struct user *user_ref(struct user *u);
/* Without a reference; NULL: it is not known (any more). */
struct user *user_find(struct server *server, uid_t uid);
/* Who has the most connections; NULL: nobody has any. */
struct user *user_greediest(struct server *server);
void user_unref(struct user *u);
/* Those that are remembered, once no connection is left. */
void users_free(struct server *server);

struct turn {
	uint64_t since;
	struct rusage usage;
};

struct turn turn_begin(void);
/* This turn of the loop, up to now, was spent for this user. True if that changes when it is served. */
bool user_spend(struct user *u, const struct turn *t);
int64_t user_priority(const struct user *u);

/* To the journal, which clients may not fill: why a connection was closed. */
void user_log_limited(struct server *server, const struct user *u, const char *format, ...)
	_printf_(3, 4);
