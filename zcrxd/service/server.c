/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See server.h.
 */
#include <errno.h>
#include <sys/stat.h>

#include "fdstore.h"
#include "log.h"
#include "methods.h"
#include "server.h"
#include "watch.h"
#include "zcrx-idl.h"

/* Of all users, and of one of them. A connection costs a descriptor and its buffers. */
#define CONNECTIONS_MAX 4096
#define CONNECTIONS_PER_UID_MAX 512

static int on_connect(sd_varlink_server *s, sd_varlink *link, void *userdata)
{
	int r;

	(void)s;
	(void)userdata;
	r = sd_varlink_set_allow_fd_passing_input(link, true);
	return r < 0 ? r : sd_varlink_set_allow_fd_passing_output(link, true);
}

static void on_disconnect(sd_varlink_server *s, sd_varlink *link, void *userdata)
{
	(void)s;
	watch_remove(userdata, link);
}

static int listen_on(sd_varlink_server *s, const char *path, struct stored_fds *passed)
{
	bool any = false;
	int fd, r = 0;

	while (r >= 0 && (fd = stored_fds_take(passed, "varlink")) >= 0) {
		any = true;
		r = sd_varlink_server_listen_fd(s, fd);
	}
	return any ? r : sd_varlink_server_listen_address(s, path, 0666);
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
		ZCRX_METHOD("Watch"), vl_method_watch,
		ZCRX_METHOD("Plan"), vl_method_plan,
		ZCRX_METHOD("Apply"), vl_method_apply,
		ZCRX_METHOD("Revoke"), vl_method_revoke,
		ZCRX_METHOD("Reload"), vl_method_reload);
}

int server_new(struct manager *m, const char *path, struct stored_fds *passed,
	       sd_varlink_server **ret)
{
	_cleanup_(sd_varlink_server_unrefp) sd_varlink_server *s = NULL;
	int r;

	r = sd_varlink_server_new(&s, SD_VARLINK_SERVER_ACCOUNT_UID |
					      SD_VARLINK_SERVER_INHERIT_USERDATA);
	if (r < 0)
		return r;
	(void)sd_varlink_server_set_userdata(s, m);
	(void)sd_varlink_server_set_description(s, "io.zcrx.Manager");
	r = sd_varlink_server_set_info(s, "zcrxd", "zcrxd", ZCRXD_VERSION, NULL);
	if (r >= 0)
		r = sd_varlink_server_set_connections_max(s, CONNECTIONS_MAX);
	if (r >= 0)
		r = sd_varlink_server_set_connections_per_uid_max(s, CONNECTIONS_PER_UID_MAX);
	if (r >= 0)
		r = sd_varlink_server_add_interface(s, &vl_interface_io_zcrx_Manager);
	if (r >= 0)
		r = bind_methods(s);
	if (r >= 0)
		r = sd_varlink_server_bind_connect(s, on_connect);
	if (r >= 0)
		r = sd_varlink_server_bind_disconnect(s, on_disconnect);
	if (r >= 0 && path)
		r = listen_on(s, path, passed);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

int server_answer(struct manager *m)
{
	return sd_varlink_server_attach_event(m->server, m->event, SD_EVENT_PRIORITY_NORMAL);
}

void server_stop_listening(struct manager *m)
{
	(void)sd_varlink_server_shutdown(m->server);
}
