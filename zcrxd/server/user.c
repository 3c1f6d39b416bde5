/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See user.h.
 */
#include <stdarg.h>

#include "clock.h"
#include "log.h"
#include "user.h"

/* Who spends more of our time than this, and then more than a quarter of it, comes after others. */
#define SPENT_USEC  100000
#define SPENT_SHARE 4
#define COMPLAINTS_USEC (30 * 1000000ULL)

static void user_forget(struct user *u, uint64_t now)
{
	uint64_t forgotten = (now - u->spent_at) / SPENT_SHARE;

	u->spent = u->spent > forgotten ? u->spent - forgotten : 0;
	u->spent_at = now;
}

struct user *user_get(struct server *server, uid_t uid)
{
	struct user *u, *next, *found = NULL;
	uint64_t now = now_usec(CLOCK_MONOTONIC);

	for (u = LIST_FIRST(&server->users); u; u = next) {
		next = LIST_NEXT(u, entry);
		if (u->uid == uid)
			found = u;
		if (u->n_ref > 0 || u == found)
			continue;
		user_forget(u, now);
		if (u->spent > 0)
			continue;
		LIST_REMOVE(u, entry);
		free(u);
	}
	if (!found) {
		found = calloc(1, sizeof(*found));
		if (!found)
			return NULL;
		found->uid = uid;
		LIST_INSERT_HEAD(&server->users, found, entry);
	}
	return user_ref(found);
}

struct user *user_find(struct server *server, uid_t uid)
{
	struct user *u;

	LIST_FOREACH(u, &server->users, entry)
		if (u->uid == uid)
			return u;
	return NULL;
}

struct user *user_greediest(struct server *server)
{
	struct user *u, *most = NULL;

	LIST_FOREACH(u, &server->users, entry)
		if (u->n_connections > (most ? most->n_connections : 0))
			most = u;
	return most;
}

struct user *user_ref(struct user *u)
{
	u->n_ref++;
	return u;
}

void user_unref(struct user *u)
{
	if (--u->n_ref > 0 || u->last)
		return;
	LIST_REMOVE(u, entry);
	free(u);
}

void users_free(struct server *server)
{
	struct user *u;

	while ((u = LIST_FIRST(&server->users))) {
		LIST_REMOVE(u, entry);
		free(u);
	}
}

struct turn turn_begin(void)
{
	struct turn t = { .since = now_usec(CLOCK_MONOTONIC) };

	(void)getrusage(RUSAGE_THREAD, &t.usage);
	return t;
}

static uint64_t to_usec(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * 1000000 + (uint64_t)tv->tv_usec;
}

/* What the machine gave to others meanwhile is nobody's fault here; what we slept for is this user's. */
static uint64_t turn_took(const struct turn *t, uint64_t now)
{
	struct rusage u = {};

	if (getrusage(RUSAGE_THREAD, &u) < 0 || u.ru_nvcsw != t->usage.ru_nvcsw)
		return now - t->since;
	return to_usec(&u.ru_utime) + to_usec(&u.ru_stime) - to_usec(&t->usage.ru_utime) -
	       to_usec(&t->usage.ru_stime);
}

bool user_spend(struct user *u, const struct turn *t)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC);
	bool before = u->last;

	user_forget(u, now);
	u->spent += turn_took(t, now);
	u->last = u->spent > SPENT_USEC;
	return u->last != before;
}

int64_t user_priority(const struct user *u)
{
	return u->last ? SD_EVENT_PRIORITY_NORMAL + 1 : SD_EVENT_PRIORITY_NORMAL;
}

void user_log_limited(struct server *server, const struct user *u, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	uint64_t now = now_usec(CLOCK_MONOTONIC);
	va_list ap;
	int r;

	server->n_complaints++;
	if (server->last_complaint != 0 && now < server->last_complaint + COMPLAINTS_USEC)
		return;
	va_start(ap, format);
	r = vasprintf(&text, format, ap);
	va_end(ap);
	if (r < 0)
		return;
	log_warning("Closed a connection of user %u: %s. (%u such since the last message; the next is in "
		    "%llu s at the earliest.)", u->uid, text, server->n_complaints, COMPLAINTS_USEC / 1000000);
	server->n_complaints = 0;
	server->last_complaint = now;
}
