/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See server.h.
 */
#include "connection.h"
#include "listener.h"
#include "methods.h"
#include "server.h"
#include "session-process.h"
#include "user.h"
#include "watch.h"
#include "zcrx-idl.h"

static void on_disconnect(sd_varlink_server *s, sd_varlink *link, void *userdata)
{
	(void)s;
	watch_remove(userdata, link);
	connection_ended(userdata, link);
}

static int bind_methods(sd_varlink_server *s)
{
	return sd_varlink_server_bind_method_many(
		s, ZCRX_METHOD("Describe"), vl_method_describe,
		ZCRX_METHOD("ListLeases"), vl_method_list_leases,
		ZCRX_METHOD("Acquire"), vl_method_acquire,
		ZCRX_METHOD("Open"), vl_method_open,
		ZCRX_METHOD("Register"), vl_method_register,
		ZCRX_METHOD("AddFlow"), vl_method_add_flow,
		ZCRX_METHOD("RemoveFlow"), vl_method_remove_flow,
		ZCRX_METHOD("Release"), vl_method_release,
		ZCRX_METHOD("Renew"), vl_method_renew,
		ZCRX_METHOD("Tune"), vl_method_tune,
		ZCRX_METHOD("Watch"), vl_method_watch,
		ZCRX_METHOD("Explain"), vl_method_explain,
		ZCRX_METHOD("Plan"), vl_method_plan,
		ZCRX_METHOD("Apply"), vl_method_apply,
		ZCRX_METHOD("Confirm"), vl_method_confirm,
		ZCRX_METHOD("Restore"), vl_method_restore,
		ZCRX_METHOD("Revoke"), vl_method_revoke,
		ZCRX_METHOD("Reload"), vl_method_reload);
}

int server_new(struct manager *m, const char *path, struct stored_fds *passed)
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
		r = sd_varlink_server_add_interface(s, &vl_interface_io_zcrx_Manager);
	if (r >= 0)
		r = bind_methods(s);
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
