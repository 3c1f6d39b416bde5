/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See server.h.
 */
#include "connection.h"
#include "listener.h"
#include "server.h"
#include "session-process.h"
#include "user.h"
#include "watch.h"

static void on_disconnect(sd_varlink_server *s, sd_varlink *link, void *userdata)
{
	(void)s;
	watch_remove(userdata, link);
	connection_ended(userdata, link);
}

int server_new(struct manager *m, int (*bind)(sd_varlink_server *s), const char *path,
	       struct stored_fds *passed)
{
	sd_varlink_server *s;
	int r;

	r = sd_varlink_server_new(&m->server, SD_VARLINK_SERVER_INHERIT_USERDATA);
	if (r < 0)
		return r;
	s = m->server;
	(void)sd_varlink_server_set_userdata(s, m);
	(void)sd_varlink_server_set_description(s, "io.zcrx.Manager");
	r = sd_varlink_server_set_info(s, "zcrxd", "zcrxd", ZCRXD_VERSION, NULL);
	if (r >= 0)
		r = sd_varlink_server_set_connections_max(s, CONNECTIONS_MAX);
	if (r >= 0)
		r = bind(s);
	if (r >= 0)
		r = sd_varlink_server_bind_disconnect(s, on_disconnect);
	if (r >= 0 && path)
		r = listeners_new(m, path, passed);
	return r;
}

void server_free(struct manager *m)
{
	listeners_free(m);
	connections_close(m);
	sessions_free(m);
	users_free(m);
	m->server = sd_varlink_server_unref(m->server);
}
