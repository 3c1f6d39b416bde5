/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See owner.h.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "accounts.h"
#include "look.h"
#include "owner.h"
#include "policy.h"

struct owner_look {
	LIST_ENTRY(owner_look) entry;
	struct server *server;
	struct look *look;
	sd_event_source *answered, *patience;
	owner_done done; /* NULL: it was told that it took too long */
	void *userdata;
};

static void owner_look_free(struct owner_look *o)
{
	sd_event_source_disable_unref(o->answered);
	sd_event_source_disable_unref(o->patience);
	look_unref(o->look);
	LIST_REMOVE(o, entry);
	free(o);
}

static void owner_tell(struct owner_look *o, int r, const struct peer *owner)
{
	owner_done done = o->done;

	o->done = NULL;
	if (done)
		done(r, owner, o->userdata);
}

static int on_answered(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct owner_look *o = userdata;
	const struct membership *m = &o->look->user;
	struct peer owner = { .uid = m->uid, .gid = m->gid, .groups = m->groups, .n_groups = m->n_groups };

	o->server->loop->doing = "the groups of a user";
	accounts_learn(o->server->config, o->look->list, o->look->n, o->server->config_path);
	policy_place_owner(o->server->config, &owner);
	owner_tell(o, m->r == -ENOENT ? 0 : m->r, &owner);
	owner_look_free(o);
	return 0;
}

/* It stays in the list for as long as its thread hangs. */
static int on_patience(sd_event_source *s, uint64_t usec, void *userdata)
{
	owner_tell(userdata, -ETIMEDOUT, NULL);
	return 0;
}

static bool is_full(const struct server *server)
{
	const struct owner_look *o;
	unsigned n = 0;

	LIST_FOREACH(o, &server->owners, entry)
		n++;
	return n >= OWNERS_MAX;
}

static int owner_look_start(struct owner_look *o)
{
	sd_event *event = o->server->loop->event;
	int r;

	r = sd_event_add_io(event, &o->answered, o->look->done_fd, EPOLLIN, on_answered, o);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &o->patience, CLOCK_MONOTONIC, OWNER_PATIENCE_USEC, 0,
					       on_patience, o);
	return r < 0 ? r : look_start(o->look);
}

int owner_find(struct server *server, uid_t uid, owner_done done, void *userdata)
{
	struct peer owner = { .uid = uid, .gid = (gid_t)-1 };
	struct owner_look *o;
	struct look *look;
	int r;

	if (!policy_depends_on_groups(server->config) && !policy_depends_on_names(server->config, &owner)) {
		policy_place_owner(server->config, &owner);
		done(0, &owner, userdata);
		return 0;
	}
	if (is_full(server))
		return -EBUSY;
	r = look_new(server->config, &look);
	if (r < 0)
		return r;
	look->of_user = true;
	look->user.uid = uid;
	o = calloc(1, sizeof(*o));
	if (!o) {
		look_unref(look);
		return -ENOMEM;
	}
	*o = (struct owner_look) { .server = server, .look = look, .done = done, .userdata = userdata };
	LIST_INSERT_HEAD(&server->owners, o, entry);
	r = owner_look_start(o);
	if (r < 0)
		owner_look_free(o);
	return r;
}

void owners_free(struct server *server)
{
	struct owner_look *o;

	while ((o = LIST_FIRST(&server->owners))) {
		owner_tell(o, -ECANCELED, NULL);
		owner_look_free(o);
	}
}
