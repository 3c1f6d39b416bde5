/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See watch.h.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "clock.h"
#include "connection.h"
#include "lease.h"
#include "log.h"
#include "user.h"
#include "watch.h"

/* Events that wait for room in a watcher's socket: more than the end of every lease of a NIC makes. */
#define UNSENT_MAX 1024

struct watcher {
	LIST_ENTRY(watcher) entry;
	sd_varlink *link;
	struct user *user;
	uint32_t lease;
	unsigned n_unsent; /* at most */
};

int watch_add(struct server *server, sd_varlink *link, uint32_t lease)
{
	struct user *user = connection_user(server, link);
	struct watcher *w;
	int r;

	if (!user || user->n_watchers >= WATCHERS_PER_UID_MAX)
		return -EBUSY;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	/* An empty first reply: from here on nothing is missed. */
	r = sd_varlink_notify(link, NULL);
	if (r < 0) {
		free(w);
		return r;
	}
	w->link = sd_varlink_ref(link);
	w->user = user;
	w->lease = lease;
	LIST_INSERT_HEAD(&server->watchers, w, entry);
	user->n_watchers++;
	return 0;
}

static void watcher_free(struct watcher *w)
{
	LIST_REMOVE(w, entry);
	w->user->n_watchers--;
	sd_varlink_unref(w->link);
	free(w);
}

void watch_remove(struct server *server, sd_varlink *link)
{
	struct watcher *w, *next;

	for (w = LIST_FIRST(&server->watchers); w; w = next) {
		next = LIST_NEXT(w, entry);
		if (w->link == link)
			watcher_free(w);
	}
}

static int append_string(sd_json_variant **v, const char *key, const char *value)
{
	return value ? sd_json_variant_set_field_string(v, key, value) : 0;
}

static bool watcher_is_stuck(struct watcher *w)
{
	int events = sd_varlink_get_events(w->link);

	if (events >= 0 && !(events & EPOLLOUT))
		w->n_unsent = 0;
	return ++w->n_unsent > UNSENT_MAX;
}

static void tell_all(struct server *server, uint32_t lease, sd_json_variant *event)
{
	struct watcher *w, *next;
	int r;

	for (w = LIST_FIRST(&server->watchers); w; w = next) {
		next = LIST_NEXT(w, entry);
		if (w->lease != 0 && w->lease != lease)
			continue;
		r = watcher_is_stuck(w)
			    ? -ENOBUFS
			    : sd_varlink_notifybo(w->link, SD_JSON_BUILD_PAIR_VARIANT("event", event));
		if (r >= 0)
			continue;
		log_debug("A watcher does not read its events; dropping it.");
		/* Closing calls watch_remove through the server's disconnect callback. */
		_cleanup_(sd_varlink_unrefp) sd_varlink *link = sd_varlink_ref(w->link);
		(void)sd_varlink_close(link);
	}
}

void watch_announce(struct server *server, const struct announcement *a)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	char id[LEASE_ID_DIGITS + 1];
	int r;

	if (LIST_EMPTY(&server->watchers))
		return;
	r = sd_json_variant_set_field_string(&v, "event", a->event);
	if (r >= 0)
		r = sd_json_variant_set_field_unsigned(&v, "timestampUSec", now_usec(CLOCK_REALTIME));
	if (r >= 0)
		r = append_string(&v, "interface", a->interface);
	if (r >= 0 && a->queue)
		r = sd_json_variant_set_field_unsigned(&v, "queue", *a->queue);
	if (r >= 0 && a->lease != 0) {
		lease_id_format(a->lease, id);
		r = append_string(&v, "leaseId", id);
	}
	if (r >= 0)
		r = append_string(&v, "reason", a->reason);
	if (r >= 0 && a->deadline_usec != 0)
		r = sd_json_variant_set_field_unsigned(&v, "deadlineUSec", a->deadline_usec);
	if (r < 0)
		log_errno(r, "Cannot announce an event");
	else
		tell_all(server, a->lease, v);
}
