/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Varlink server. Which methods it has is api/methods.h; who gets in is listener.h, what a client
 * may hold and do to us connection.h, who is told of events watch.h.
 */
#pragma once

#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-varlink.h>

#include "config.h"
#include "loop.h"

struct accounts;
struct connection;
struct listener;
struct owner_look;
struct session_process;
struct stored_fds;
struct user;
struct watcher;

TAILQ_HEAD(connection_list, connection);
LIST_HEAD(listener_list, listener);
LIST_HEAD(owner_list, owner_look);
LIST_HEAD(session_list, session_process);
LIST_HEAD(user_list, user);
LIST_HEAD(watcher_list, watcher);

struct server {
	struct loop *loop;
	sd_varlink_server *varlink;
	void *userdata;		    /* of the methods */
	struct config *config;	    /* the policy that holds; accounts_take_policy() */
	const char *config_path;
	struct accounts *accounts; /* whom it names: accounts.h */
	struct owner_list owners;  /* who is being asked about: owner.h */
	struct listener_list listeners;
	struct connection_list connections; /* the longest idle first */
	struct session_list sessions;	    /* ... the newest first */
	struct user_list users;		    /* those with connections */
	struct watcher_list watchers;
	unsigned n_connections;
	uint64_t last_complaint; /* in the journal, about a connection; monotonic */
	unsigned n_complaints;	 /* since then */
};

/* Nothing that is in it already is touched. */
void server_init(struct server *server);
/* Nobody is answered yet, see listeners_new; and there are no methods. */
int server_start(struct server *server, const char *path, struct stored_fds *passed);
void server_done(struct server *server);
