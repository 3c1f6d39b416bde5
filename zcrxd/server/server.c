/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See server.h.
 */
#include "accounts.h"
#include "connection.h"
#include "listener.h"
#include "owner.h"
#include "server.h"
#include "session-process.h"
#include "user.h"
#include "watch.h"

static void on_disconnect(sd_varlink_server *s, sd_varlink *link, void *userdata)
{
	struct server *server = sd_varlink_server_get_userdata(s);

	watch_remove(server, link);
	connection_ended(server, link);
}

void server_init(struct server *server)
{
	LIST_INIT(&server->listeners);
	TAILQ_INIT(&server->connections);
	LIST_INIT(&server->owners);
	LIST_INIT(&server->sessions);
	LIST_INIT(&server->users);
	LIST_INIT(&server->watchers);
}

int server_start(struct server *server, const char *path, struct stored_fds *passed)
{
	sd_varlink_server *s;
	int r;

	r = sd_varlink_server_new(&server->varlink, 0);
	if (r < 0)
		return r;
	s = server->varlink;
	(void)sd_varlink_server_set_userdata(s, server);
	(void)sd_varlink_server_set_description(s, "io.zcrx.Manager");
	r = sd_varlink_server_set_info(s, "zcrxd", "zcrxd", ZCRXD_VERSION, NULL);
	if (r >= 0)
		r = sd_varlink_server_set_connections_max(s, CONNECTIONS_MAX);
	if (r >= 0)
		r = sd_varlink_server_bind_disconnect(s, on_disconnect);
	if (r >= 0 && path)
		r = listeners_new(server, path, passed);
	return r;
}

void server_done(struct server *server)
{
	listeners_free(server);
	owners_free(server);
	connections_close(server);
	sessions_free(server);
	users_free(server);
	server->varlink = sd_varlink_server_unref(server->varlink);
	server->accounts = accounts_free(server->accounts);
}
