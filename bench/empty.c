/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Four calls of a method that does nothing, to an sd-varlink server that is nothing else: the least
 * that four Varlink calls can take.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

#include "bench.h"
#include "macro.h"

#define METHOD "io.zcrx.Bench.Nothing"

static sd_varlink *link_to_server;
static pid_t server;

static int nothing(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata)
{
	(void)parameters;
	(void)flags;
	(void)userdata;
	return sd_varlink_reply(link, NULL);
}

static int serve(int fd)
{
	_cleanup_(sd_varlink_server_unrefp) sd_varlink_server *s = NULL;
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	int r;

	r = sd_event_new(&event);
	if (r >= 0)
		r = sd_varlink_server_new(&s, 0);
	if (r >= 0)
		r = sd_varlink_server_bind_method(s, METHOD, nothing);
	if (r >= 0) /* before the connection: it would not be looked at otherwise */
		r = sd_varlink_server_attach_event(s, event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_varlink_server_add_connection(s, fd, NULL);
	return r < 0 ? failed(r, "serve empty calls") : sd_event_loop(event);
}

static int empty_open(const struct target *t)
{
	int pair[2], r;

	(void)t;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return failed(-errno, "make a socket pair");
	server = fork();
	if (server < 0)
		return failed(-errno, "fork");
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		_exit(serve(pair[1]) < 0);
	}
	close(pair[1]);
	r = sd_varlink_connect_fd(&link_to_server, pair[0]);
	return r < 0 ? failed(r, "connect to the server of empty calls") : 0;
}

static int empty_step(const struct target *t, struct client *c, enum step step)
{
	const char *error_id = NULL;
	sd_json_variant *reply;
	int r;

	(void)t;
	(void)c;
	(void)step;
	r = sd_varlink_call(link_to_server, METHOD, NULL, &reply, &error_id);
	if (r >= 0 && error_id)
		r = -EREMOTEIO;
	return r < 0 ? failed(r, error_id ?: "make an empty call") : 0;
}

static void empty_close(void)
{
	link_to_server = sd_varlink_close_unref(link_to_server);
	if (server > 0) {
		kill(server, SIGTERM);
		waitpid(server, NULL, 0);
	}
}

const struct contender contender_empty = {
	.name = "empty",
	.open = empty_open,
	.step = empty_step,
	.close = empty_close,
};
