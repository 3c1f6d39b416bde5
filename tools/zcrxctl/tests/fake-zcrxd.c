/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A server of io.zcrx.Manager whose answers are canned, for tests of zcrxctl:
 *
 *   fake-zcrxd SOCKET DIRECTORY
 *
 * DIRECTORY/Method.json holds the replies to a call of Method: an array of
 *   {"parameters": {...}, "error": "id", "handle": true, "hangUp": true}
 * all optional. A method without a file does not exist. Each call is noted as a line of JSON in
 * DIRECTORY/calls. Parameters are validated by the real interface description. Says "ready" when it
 * listens, and runs until it is killed. Of io.systemd.Metrics, Method is MetricsList or MetricsDescribe.
 */
#include <errno.h>
#include <sys/socket.h>
#include <stdbool.h>

#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

#include "macro.h"
#include "zcrx-idl.h"

static const char *directory;

static int note_call(const char *method, sd_json_variant *parameters)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *call = NULL;
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;

	if (asprintf(&path, "%s/calls", directory) < 0)
		return -ENOMEM;
	f = fopen(path, "ae");
	if (!f)
		return -errno;
	if (sd_json_buildo(&call, SD_JSON_BUILD_PAIR_STRING("method", method),
			   SD_JSON_BUILD_PAIR_VARIANT("parameters", parameters)) < 0)
		return -ENOMEM;
	return sd_json_variant_dump(call, SD_JSON_FORMAT_NEWLINE, f, NULL);
}

static char *answer_path(const char *method)
{
	char *path;

	return asprintf(&path, "%s/%s.json", directory, method) < 0 ? NULL : path;
}

static int push_handle(sd_varlink *link)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* The daemon's end stays open until this process ends. */
	return sd_varlink_push_fd(link, pair[0]);
}

static int answer_one(sd_varlink *link, sd_json_variant *reply, bool last)
{
	sd_json_variant *parameters = sd_json_variant_by_key(reply, "parameters");
	sd_json_variant *error = sd_json_variant_by_key(reply, "error");

	if (sd_json_variant_by_key(reply, "hangUp")) {
		(void)sd_varlink_flush(link);
		return sd_varlink_close(link);
	}
	if (sd_json_variant_by_key(reply, "handle") && push_handle(link) < 0)
		return -EIO;
	if (error)
		return sd_varlink_error(link, sd_json_variant_string(error), parameters);
	return last ? sd_varlink_reply(link, parameters) : sd_varlink_notify(link, parameters);
}

static int answer(sd_varlink *link, const char *method, sd_json_variant *parameters)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *replies = NULL;
	_cleanup_free_ char *path = answer_path(method);
	size_t n;
	int r = note_call(method, parameters);

	if (r < 0 || !path)
		return r < 0 ? r : -ENOMEM;
	r = sd_json_parse_file(NULL, path, 0, &replies, NULL, NULL);
	if (r < 0)
		return r;
	n = sd_json_variant_elements(replies);
	for (size_t i = 0; i < n; i++) {
		r = answer_one(link, sd_json_variant_by_index(replies, i), i == n - 1);
		if (r < 0)
			return r;
	}
	return 0;
}

#define METHODS(X)                                                                                 \
	X(Describe)                                                                                \
	X(ListLeases)                                                                              \
	X(Acquire) X(Release) X(Watch) X(Explain) X(Plan) X(Apply) X(Confirm) X(Restore) X(Revoke) X(Reload) X(Tune)

#define DEFINE_METHOD(name)                                                                        \
	static int on_##name(sd_varlink *link, sd_json_variant *parameters,                        \
			     sd_varlink_method_flags_t flags, void *userdata)                      \
	{                                                                                          \
		(void)flags;                                                                       \
		(void)userdata;                                                                    \
		return answer(link, #name, parameters);                                            \
	}
METHODS(DEFINE_METHOD)

#define DEFINE_METRICS(name)                                                                       \
	static int on_Metrics##name(sd_varlink *link, sd_json_variant *parameters,                 \
				    sd_varlink_method_flags_t flags, void *userdata)               \
	{                                                                                          \
		(void)flags;                                                                       \
		(void)userdata;                                                                    \
		return answer(link, "Metrics" #name, parameters);                                  \
	}
DEFINE_METRICS(List)
DEFINE_METRICS(Describe)

#define METHOD_ROW(name) { #name, ZCRX_METHOD(#name), on_##name },
static const struct {
	const char *name, *full;
	sd_varlink_method_t callback;
} methods[] = { METHODS(METHOD_ROW)
		{ "MetricsList", METRICS_METHOD("List"), on_MetricsList },
		{ "MetricsDescribe", METRICS_METHOD("Describe"), on_MetricsDescribe } };

static int on_connect(sd_varlink_server *server, sd_varlink *link, void *userdata)
{
	return sd_varlink_set_allow_fd_passing_output(link, true);
}

static int bind_methods(sd_varlink_server *server)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		_cleanup_free_ char *path = answer_path(methods[i].name);
		int r;

		if (!path)
			return -ENOMEM;
		if (access(path, R_OK) < 0)
			continue;
		r = sd_varlink_server_bind_method(server, methods[i].full, methods[i].callback);
		if (r < 0)
			return r;
	}
	return sd_varlink_server_bind_connect(server, on_connect);
}

int main(int argc, char **argv)
{
	_cleanup_(sd_varlink_server_unrefp) sd_varlink_server *server = NULL;
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	int r;

	if (argc != 3) {
		fprintf(stderr, "usage: fake-zcrxd SOCKET DIRECTORY\n");
		return 2;
	}
	directory = argv[2];
	r = sd_event_new(&event);
	if (r >= 0)
		r = sd_varlink_server_new(&server, 0);
	if (r >= 0)
		r = sd_varlink_server_add_interface(server, &vl_interface_io_zcrx_Manager);
	if (r >= 0)
		r = sd_varlink_server_add_interface(server, &vl_interface_io_systemd_Metrics);
	if (r >= 0)
		r = bind_methods(server);
	if (r >= 0)
		r = sd_varlink_server_listen_address(server, argv[1], 0666);
	if (r >= 0)
		r = sd_varlink_server_attach_event(server, event, 0);
	if (r >= 0 && puts("ready") >= 0 && fflush(stdout) == 0)
		r = sd_event_loop(event);
	fprintf(stderr, "fake-zcrxd: %s\n", strerror(-r));
	return 1;
}
