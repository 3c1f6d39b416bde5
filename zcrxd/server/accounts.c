/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See accounts.h.
 */
#include <errno.h>

#include "accounts.h"
#include "clock.h"
#include "connection.h"
#include "log.h"
#include "look.h"
#include "policy.h"

struct accounts {
	struct server *server;
	struct look *look; /* under way */
	sd_event_source *done, *patience;
	uint64_t started, ended; /* monotonic: the look under way, and the last one; 0: none */
	bool outdated;		 /* the policy is another one since the look began */
};

/* --------------------------------------------------------------------------- what came of it */

static void say(const struct policy_rule *rule, const struct account *a, const char *path)
{
	const char *kind = a->kind == ACCOUNT_USER ? "user" : "group";

	if (a->r == 0)
		log_info("%s:%u: %s %s has the number %u now.", path, rule->line, kind, a->name, a->id);
	else if (a->r == -ENOENT)
		log_warning("%s:%u: there is no %s %s; its rule matches no user until there is one.", path,
			    rule->line, kind, a->name);
	else
		log_warning("%s:%u: %s %s cannot be looked up (%s); the rule matches the same users as before.",
			    path, rule->line, kind, a->name, strerror(-a->r));
}

void accounts_learn(struct config *c, const struct account *list, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < c->n_policy; k++)
			if (policy_rule_learn(&c->policy[k], &list[i]))
				say(&c->policy[k], &list[i], path);
}

void accounts_look_up(struct config *c, const char *path)
{
	struct account *list;
	size_t n;

	if (config_list_accounts(c, &list, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		list[i].r = account_find(list[i].kind, list[i].name, &list[i].id);
	accounts_learn(c, list, n, path);
	accounts_list_free(list, n);
}

/* ------------------------------------------------------------------------------------ the look */

static void scan_start(struct accounts *a);

static void look_end(struct accounts *a)
{
	a->done = sd_event_source_disable_unref(a->done);
	a->patience = sd_event_source_disable_unref(a->patience);
	look_unref(TAKE_PTR(a->look));
}

static int on_done(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct accounts *a = userdata;
	struct server *server = a->server;

	server->loop->doing = "users and groups";
	accounts_learn(server->config, a->look->list, a->look->n, server->config_path);
	look_end(a);
	a->ended = now_usec(CLOCK_MONOTONIC);
	if (a->outdated)
		scan_start(a);
	connections_go_on(server);
	return 0;
}

static int on_describe_timeout(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct accounts *a = userdata;

	connections_go_on(a->server);
	return 0;
}

/* What fails here is tried again with the next call that depends on it. */
static void scan_start(struct accounts *a)
{
	sd_event *event = a->server->loop->event;
	int r = look_new(a->server->config, &a->look);

	a->outdated = false;
	if (r < 0) {
		log_errno(r, "Cannot look up users and groups");
		return;
	}
	a->started = now_usec(CLOCK_MONOTONIC);
	if (a->look->n == 0) {
		look_end(a);
		return;
	}
	r = sd_event_add_io(event, &a->done, a->look->done_fd, EPOLLIN, on_done, a);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &a->patience, CLOCK_MONOTONIC,
					       ACCOUNTS_PATIENCE_USEC, 0, on_describe_timeout, a);
	if (r >= 0)
		r = look_start(a->look);
	if (r >= 0)
		return;
	log_errno(r, "Cannot look up users and groups");
	look_end(a);
}

/* --------------------------------------------------------------------------------- who asks */

bool accounts_keep_waiting(struct server *server, const struct peer *peer)
{
	struct accounts *a = server->accounts;
	uint64_t now = now_usec(CLOCK_MONOTONIC);

	if (!policy_depends_on_names(server->config, peer))
		return false;
	if (!a->look && a->ended > 0 && now < a->ended + ACCOUNTS_FRESH_USEC)
		return false;
	if (!a->look)
		scan_start(a);
	return a->look && now < a->started + ACCOUNTS_PATIENCE_USEC;
}

void accounts_take_policy(struct server *server, struct config *policy, const struct config *old)
{
	struct accounts *a = server->accounts;

	server->config = policy;
	if (old)
		config_take_accounts(policy, old);
	a->ended = 0;
	if (a->look)
		a->outdated = true;
	else
		scan_start(a);
}

int accounts_new(struct server *server, struct accounts **ret)
{
	struct accounts *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->server = server;
	*ret = a;
	return 0;
}

struct accounts *accounts_free(struct accounts *a)
{
	if (a && a->look)
		look_end(a);
	free(a);
	return NULL;
}
