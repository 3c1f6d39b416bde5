/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The four steps as a client of zcrxd takes them: one Varlink call each, on one connection.
 */
#include <errno.h>
#include <systemd/sd-varlink.h>

#include "bench.h"
#include "macro.h"
#include "zcrx-idl.h"

static sd_varlink *link_to_daemon;

static int daemon_connect(const struct target *t, sd_varlink **ret)
{
	int r = sd_varlink_connect_address(ret, t->socket);

	if (r >= 0)
		r = sd_varlink_set_allow_fd_passing_output(*ret, true);
	if (r >= 0)
		r = sd_varlink_set_allow_fd_passing_input(*ret, true);
	return r < 0 ? failed(r, "connect to zcrxd") : 0;
}

static int daemon_open(const struct target *t)
{
	return daemon_connect(t, &link_to_daemon);
}

static void daemon_close(void)
{
	link_to_daemon = sd_varlink_close_unref(link_to_daemon);
}

/* The reply is the link's own, valid until the next call. */
static int call(sd_varlink *link, const char *method, sd_json_variant *parameters,
		sd_json_variant **ret_reply)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *p = parameters;
	sd_json_variant *reply = NULL;
	const char *error_id = NULL;
	int r;

	r = sd_varlink_call(link, method, p, &reply, &error_id);
	if (r < 0)
		return failed(r, method);
	if (error_id) {
		fprintf(stderr, "zcrx-bench: %s: ", error_id);
		(void)sd_json_variant_dump(reply, SD_JSON_FORMAT_NEWLINE, stderr, NULL);
		return -EREMOTEIO;
	}
	if (ret_reply)
		*ret_reply = reply;
	return 0;
}

static int acquire(sd_varlink *link, const struct target *t, struct client *c)
{
	sd_json_variant *parameters = NULL, *reply, *id;
	int r;

	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("interface", t->interface));
	if (r >= 0)
		r = call(link, ZCRX_METHOD("Acquire"), parameters, &reply);
	if (r < 0)
		return r;
	id = sd_json_variant_by_key(sd_json_variant_by_key(reply, "lease"), "leaseId");
	c->lease_id = id ? strdup(sd_json_variant_string(id)) : NULL;
	c->handle = sd_varlink_take_fd(link, 0);
	if (!c->lease_id || c->handle < 0)
		return failed(-EBADMSG, "acquire: no handle came");
	return 0;
}

static int register_queue(struct client *c)
{
	sd_json_variant *parameters = NULL;
	int r, handle, area;

	handle = sd_varlink_push_dup_fd(link_to_daemon, c->handle);
	area = sd_varlink_push_dup_fd(link_to_daemon, c->area_fd);
	if (handle < 0 || area < 0)
		return failed(-EIO, "attach descriptors");
	r = sd_json_buildo(
		&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", c->lease_id),
		SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", handle),
		SD_JSON_BUILD_PAIR_UNSIGNED("queue", 0),
		SD_JSON_BUILD_PAIR_INTEGER("ring", c->ring.ring_fd < 0 ? 0 : c->ring.ring_fd),
		SD_JSON_BUILD_PAIR_INTEGER("areaFileDescriptor", area),
		SD_JSON_BUILD_PAIR_UNSIGNED("areaSize", AREA_SIZE),
		SD_JSON_BUILD_PAIR_UNSIGNED("refillEntries", REFILL_ENTRIES));
	return r < 0 ? r : call(link_to_daemon, ZCRX_METHOD("Register"), parameters, NULL);
}

static int add_flow(struct client *c)
{
	sd_json_variant *parameters = NULL;
	int r, handle, listener;

	handle = sd_varlink_push_dup_fd(link_to_daemon, c->handle);
	listener = sd_varlink_push_dup_fd(link_to_daemon, c->listener);
	if (handle < 0 || listener < 0)
		return failed(-EIO, "attach descriptors");
	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", c->lease_id),
			   SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", handle),
			   SD_JSON_BUILD_PAIR_INTEGER("socketFileDescriptor", listener));
	return r < 0 ? r : call(link_to_daemon, ZCRX_METHOD("AddFlow"), parameters, NULL);
}

static int release(sd_varlink *link, struct client *c)
{
	sd_json_variant *parameters = NULL;
	int r, handle;

	handle = sd_varlink_push_dup_fd(link, c->handle);
	if (handle < 0)
		return failed(handle, "attach descriptors");
	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", c->lease_id),
			   SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", handle));
	return r < 0 ? r : call(link, ZCRX_METHOD("Release"), parameters, NULL);
}

static int daemon_step(const struct target *t, struct client *c, enum step step)
{
	switch (step) {
	case STEP_ACQUIRE:
		return acquire(link_to_daemon, t, c);
	case STEP_REGISTER:
		return register_queue(c);
	case STEP_ADD_FLOW:
		return add_flow(c);
	case STEP_RELEASE:
		return release(link_to_daemon, c);
	case _STEP_MAX:
		break;
	}
	return -EINVAL;
}

int daemon_settle(void)
{
	return call(link_to_daemon, ZCRX_METHOD("Plan"), NULL, NULL);
}

int daemon_hold(const struct target *t, struct client *clients, unsigned n, bool reserve)
{
	const enum step end = reserve ? STEP_REGISTER : STEP_RELEASE;
	int r = daemon_open(t);

	for (unsigned i = 0; i < n && r == 0; i++) {
		if (reserve)
			client_init_empty(&clients[i]);
		else
			r = client_init(&clients[i], t->address);
		if (r < 0)
			return failed(r, "make a ring, an area and a socket");
		for (enum step s = STEP_ACQUIRE; s < end && r == 0; s++)
			r = daemon_step(t, &clients[i], s);
	}
	return r;
}

static int acquire_and_release(sd_varlink *link, const struct target *t)
{
	struct client c = { .handle = -EBADF };
	int r;

	r = acquire(link, t, &c);
	if (r == 0)
		r = release(link, &c);
	closep(&c.handle);
	free(c.lease_id);
	return r;
}

/* ------------------------------------------------------------ whether a lease was freed */

static sd_varlink *link_to_watch;
static bool freed;

static int on_event(sd_varlink *link, sd_json_variant *parameters, const char *error_id,
		    sd_varlink_reply_flags_t flags, void *userdata)
{
	sd_json_variant *event = sd_json_variant_by_key(parameters, "event");
	sd_json_variant *kind = event ? sd_json_variant_by_key(event, "event") : NULL;

	if (error_id)
		return failed(-EREMOTEIO, "watch");
	if (kind && streq(sd_json_variant_string(kind), "freed"))
		freed = true;
	return 0;
}

int daemon_watch(const struct target *t)
{
	int r;

	r = daemon_connect(t, &link_to_watch);
	if (r >= 0)
		r = sd_varlink_set_relative_timeout(link_to_watch, UINT64_MAX);
	if (r >= 0)
		r = sd_varlink_bind_reply(link_to_watch, on_event);
	if (r >= 0)
		r = sd_varlink_observe(link_to_watch, ZCRX_METHOD("Watch"), NULL);
	return r < 0 ? failed(r, "watch") : daemon_forget_freed();
}

void daemon_watch_end(void)
{
	link_to_watch = sd_varlink_close_unref(link_to_watch);
}

static int process(void)
{
	int r;

	do
		r = sd_varlink_process(link_to_watch);
	while (r > 0);
	return r < 0 ? failed(r, "watch") : 0;
}

int daemon_forget_freed(void)
{
	int r;

	r = process();
	freed = false;
	return r;
}

int daemon_wait_freed(const struct target *t, uint64_t usec)
{
	int r;

	r = process();
	if (r == 0 && !freed)
		r = sd_varlink_wait(link_to_watch, usec);
	if (r >= 0)
		r = process();
	return r < 0 ? r : freed ? 0 : -EBUSY;
}

const struct crowd_member crowd_daemon = {
	.name = "zcrxd",
	.connect = daemon_connect,
	.pair = acquire_and_release,
};

const struct contender contender_daemon = {
	.name = "zcrxd",
	.open = daemon_open,
	.step = daemon_step,
	.close = daemon_close,
};
