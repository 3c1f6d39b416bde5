/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls of a method that does nothing, to an sd-varlink server that is nothing else: the least that
 * Varlink calls can take.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

#include "bench.h"
#include "macro.h"

#define METHOD "io.zcrx.Bench.Nothing"

static sd_varlink *link_to_server;
static pid_t server;
static char server_address[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

static int nothing(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata)
{
	return sd_varlink_reply(link, NULL);
}

/* The listening socket is consumed. */
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
	if (r >= 0)
		r = sd_varlink_server_listen_fd(s, fd);
	if (r >= 0)
		r = sd_varlink_server_attach_event(s, event, SD_EVENT_PRIORITY_NORMAL);
	return r < 0 ? failed(r, "serve empty calls") : sd_event_loop(event);
}

/* Where the server listens: there before it is, so that nobody has to wait for it. */
static int listen_at(struct sockaddr_un *ret, int *ret_fd)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
	snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1, "zcrx-bench-%d", getpid());
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)ret,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			     strlen(ret->sun_path + 1))) < 0 ||
	    listen(fd, SOMAXCONN) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int start_server(void)
{
	struct sockaddr_un address;
	int fd = -1, r;

	if (server > 0)
		return 0;
	r = listen_at(&address, &fd);
	if (r < 0)
		return failed(r, "listen");
	server_address[0] = '@';
	strcpy(server_address + 1, address.sun_path + 1);
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(serve(fd) < 0);
	}
	close(fd);
	return server < 0 ? failed(-errno, "fork") : 0;
}

static int empty_connect(const struct target *t, sd_varlink **ret)
{
	int r;

	r = sd_varlink_connect_address(ret, server_address);
	return r < 0 ? failed(r, "connect to the server of empty calls") : 0;
}

static int empty_open(const struct target *t)
{
	int r;

	r = start_server();
	return r < 0 ? r : empty_connect(t, &link_to_server);
}

static int call(sd_varlink *link)
{
	const char *error_id = NULL;
	sd_json_variant *reply;
	int r;

	r = sd_varlink_call(link, METHOD, NULL, &reply, &error_id);
	if (r >= 0 && error_id)
		r = -EREMOTEIO;
	return r < 0 ? failed(r, error_id ?: "make an empty call") : 0;
}

static int empty_step(const struct target *t, struct client *c, enum step step)
{
	return call(link_to_server);
}

static int empty_pair(sd_varlink *link, const struct target *t)
{
	int r;

	r = call(link);
	return r < 0 ? r : call(link);
}

static void empty_close(void)
{
	link_to_server = sd_varlink_close_unref(link_to_server);
	if (server > 0) {
		kill(server, SIGTERM);
		waitpid(server, NULL, 0);
	}
	server = 0;
}

const struct contender contender_empty = {
	.name = "empty",
	.open = empty_open,
	.step = empty_step,
	.close = empty_close,
};

const struct crowd_member crowd_empty = {
	.name = "empty",
	.connect = empty_connect,
	.pair = empty_pair,
};
