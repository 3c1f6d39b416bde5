/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See fake-server.h. A failure in here is a broken test: it aborts. */
#include "fake-server.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <systemd/sd-json.h>

#include "macro.h"
#include "zcrx-idl.h"

#define GOOD_LEASE                                                                                 \
	"{\"leaseId\":\"0000002a\",\"name\":null,\"ownerUid\":0,\"ownerPid\":1,\"interface\":"     \
	"\"zc0\",\"hardwareQueues\":[6,7],\"grant\":\"netkit\",\"state\":\"reserved\","            \
	"\"persistent\":false,\"selfRegistered\":false,\"flows\":[],\"creationUSec\":1,"           \
	"\"areaBytes\":0}"

static sd_json_variant *parse(const char *text)
{
	sd_json_variant *v = NULL;
	int r = sd_json_parse(text, 0, &v, NULL, NULL);

	assert(r >= 0);
	return v;
}

/* Notes what came. Returns 1 if the error that the test asked for was sent. */
static int record(struct fake_server *f, sd_varlink *link, const char *method,
		  sd_json_variant *parameters)
{
	int fd, r;

	while (f->n_descriptors > 0)
		close(f->descriptors[--f->n_descriptors]);
	free(f->parameters);
	free(f->method);
	f->method = strdup(method);
	f->parameters = NULL;
	r = sd_json_variant_format(parameters, 0, &f->parameters);
	assert(r >= 0);
	f->calls++;
	while (f->n_descriptors < ARRAY_SIZE(f->descriptors) &&
	       (fd = sd_varlink_take_fd(link, f->n_descriptors)) >= 0)
		f->descriptors[f->n_descriptors++] = fd;
	if (f->silent)
		return 1;
	if (f->hang_up) {
		sd_varlink_close(link);
		return 1;
	}
	if (f->error_id) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *v =
			parse(f->error_parameters ?: "{}");

		r = sd_varlink_error(link, f->error_id, v);
		assert(r < 0);
		return 1;
	}
	return 0;
}

static int push_handle(struct fake_server *f, sd_varlink *link)
{
	int pair[2], r;

	if (f->no_handle)
		return -1;
	if (f->handle >= 0)
		close(f->handle);
	r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	assert(r == 0);
	f->handle = pair[0];
	r = sd_varlink_push_fd(link, pair[1]);
	assert(r >= 0);
	return r;
}

#define METHOD(name)                                                                               \
	static int name(sd_varlink *link, sd_json_variant *parameters,                             \
			sd_varlink_method_flags_t flags, void *userdata)

METHOD(acquire)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *lease = NULL;
	struct fake_server *f = userdata;
	int fd;

	(void)flags;
	if (record(f, link, "Acquire", parameters))
		return 0;
	lease = parse(f->lease ?: GOOD_LEASE);
	fd = push_handle(f, link);
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("lease", lease),
				  SD_JSON_BUILD_PAIR_CONDITION(fd >= 0, "handleFileDescriptor",
							       SD_JSON_BUILD_INTEGER(fd)));
}

METHOD(list_leases)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *lease = NULL;
	struct fake_server *f = userdata;

	(void)flags;
	if (record(f, link, "ListLeases", parameters))
		return 0;
	lease = parse(f->lease ?: GOOD_LEASE);
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("lease", lease));
}

METHOD(open_lease)
{
	struct fake_server *f = userdata;

	(void)flags;
	if (record(f, link, "Open", parameters))
		return 0;
	return sd_varlink_replybo(
		link, SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", push_handle(f, link)));
}

METHOD(register_ifq)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	struct fake_server *f = userdata;

	(void)flags;
	if (record(f, link, "Register", parameters))
		return 0;
	assert(f->registration);
	v = parse(f->registration);
	return sd_varlink_reply(link, v);
}

METHOD(add_flow)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	struct fake_server *f = userdata;

	(void)flags;
	if (record(f, link, "AddFlow", parameters))
		return 0;
	if (f->flows) {
		v = parse(f->flows);
		return sd_varlink_reply(link, v);
	}
	return sd_varlink_replybo(
		link,
		SD_JSON_BUILD_PAIR_ARRAY("flowIds", SD_JSON_BUILD_STRING("f1"),
					 SD_JSON_BUILD_STRING("f2")),
		SD_JSON_BUILD_PAIR_ARRAY(
			"flows",
			SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("protocol", "tcp4"),
					     SD_JSON_BUILD_PAIR_UNSIGNED("destinationPort", 9)),
			SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_STRING("protocol", "tcp6"),
					     SD_JSON_BUILD_PAIR_UNSIGNED("destinationPort", 9))));
}

METHOD(remove_flow)
{
	(void)flags;
	if (record(userdata, link, "RemoveFlow", parameters))
		return 0;
	return sd_varlink_reply(link, NULL);
}

METHOD(release)
{
	struct fake_server *f = userdata;

	(void)flags;
	if (record(f, link, "Release", parameters))
		return 0;
	return sd_varlink_reply(link, NULL);
}

METHOD(renew)
{
	struct fake_server *f = userdata;
	int r;

	(void)flags;
	if (record(f, link, "Renew", parameters))
		return 0;
	r = sd_varlink_reply(link, NULL);
	if (f->hang_up_afterwards) {
		sd_varlink_flush(link);
		sd_varlink_close(link);
	}
	return r;
}

METHOD(tune)
{
	struct fake_server *f = userdata;

	(void)flags;
	if (record(f, link, "Tune", parameters))
		return 0;
	return sd_varlink_reply(link, NULL);
}

static int on_connect(sd_varlink_server *server, sd_varlink *link, void *userdata)
{
	int r;

	(void)server;
	(void)userdata;
	r = sd_varlink_set_allow_fd_passing_input(link, true);
	assert(r >= 0);
	r = sd_varlink_set_allow_fd_passing_output(link, true);
	assert(r >= 0);
	return 0;
}

static int on_stop(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
	(void)fd;
	(void)events;
	(void)userdata;
	return sd_event_exit(sd_event_source_get_event(s), 0);
}

/* The loop belongs to the thread that makes it. */
static void *serve(void *userdata)
{
	struct fake_server *f = userdata;
	int r;

	r = sd_event_new(&f->event);
	assert(r >= 0);
	r = sd_varlink_server_new(&f->server, SD_VARLINK_SERVER_INHERIT_USERDATA);
	assert(r >= 0);
	sd_varlink_server_set_userdata(f->server, f);
	r = sd_varlink_server_add_interface(f->server, &vl_interface_io_zcrx_Manager);
	assert(r >= 0);
	r = sd_varlink_server_bind_connect(f->server, on_connect);
	assert(r >= 0);
	r = sd_varlink_server_bind_method_many(
		f->server, ZCRX_METHOD("Acquire"), acquire, ZCRX_METHOD("ListLeases"), list_leases,
		ZCRX_METHOD("Open"), open_lease, ZCRX_METHOD("Register"), register_ifq,
		ZCRX_METHOD("AddFlow"), add_flow, ZCRX_METHOD("RemoveFlow"), remove_flow,
		ZCRX_METHOD("Release"), release, ZCRX_METHOD("Renew"), renew,
		ZCRX_METHOD("Tune"), tune);
	assert(r >= 0);
	r = sd_varlink_server_listen_address(f->server, f->path, 0600);
	assert(r >= 0);
	r = sd_varlink_server_attach_event(f->server, f->event, 0);
	assert(r >= 0);
	r = sd_event_add_io(f->event, NULL, f->stop[0], EPOLLIN | EPOLLHUP, on_stop, NULL);
	assert(r >= 0);
	r = (int)write(f->stop[0], "", 1); /* ready */
	assert(r == 1);
	r = sd_event_loop(f->event);
	assert(r >= 0);
	sd_varlink_server_unref(f->server);
	sd_event_unref(f->event);
	return NULL;
}

void fake_start(struct fake_server *f)
{
	char c;
	int r;

	*f = (struct fake_server) { .directory = "/tmp/zcrx-test-XXXXXX", .handle = -EBADF };
	if (!mkdtemp(f->directory))
		abort();
	snprintf(f->path, sizeof(f->path), "%s/socket", f->directory);
	r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->stop);
	assert(r == 0);
	r = pthread_create(&f->thread, NULL, serve, f);
	assert(r == 0);
	r = (int)read(f->stop[1], &c, 1);
	assert(r == 1);
}

void fake_stop(struct fake_server *f)
{
	close(f->stop[1]);
	pthread_join(f->thread, NULL);
	close(f->stop[0]);
	if (f->handle >= 0)
		close(f->handle);
	while (f->n_descriptors > 0)
		close(f->descriptors[--f->n_descriptors]);
	free(f->parameters);
	free(f->method);
	unlink(f->path);
	rmdir(f->directory);
}
