/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose the names in the policy are: the numbers of its users and groups. An account may come after the file
 * that names it (DynamicUser= of systemd.exec(5), systemd-homed, a domain that is joined later), and when
 * it is gone, its number may be given to somebody else. So names are looked up again when a call depends
 * on them, at most every ACCOUNTS_FRESH_USEC, all at once.
 *
 * nss may ask a server and take any time: it is asked by a thread of its own, which nobody joins. A call
 * that depends on the answer waits ACCOUNTS_PATIENCE_USEC, unless somebody has waited so long before, and
 * is then decided by what is known. The loop never waits.
 */
#pragma once

#include <systemd/sd-event.h>

#include "account.h"
#include "server.h"

#define ACCOUNTS_FRESH_USEC    2000000ULL
#define ACCOUNTS_PATIENCE_USEC 1000000ULL

struct accounts;

int accounts_new(struct server *server, struct accounts **ret);
struct accounts *accounts_free(struct accounts *a);

/* This policy holds from now on; what the one before it knew is taken over from `old` (may be NULL). */
void accounts_take_policy(struct server *server, struct config *policy, const struct config *old);
/* A call of this peer has to wait: connections_go_on() is called when it need not any more. */
bool accounts_keep_waiting(struct server *server, const struct peer *peer);

/* The same for a configuration that nobody is served by: here and now. What does not exist is warned of;
 * `path` is for that. */
void accounts_look_up(struct config *c, const char *path);

/* What was found: the rules that name these accounts hold for these numbers from now on. */
void accounts_learn(struct config *c, const struct account *list, size_t n, const char *path);
