/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Receiving on a queue leased from zcrxd. */
#include <errno.h>

#include <zcrx-client.h>

#include "macro.h"
#include "session.h"

struct zero_copy {
	struct zcrx_client *client;
	struct zcrx_lease *lease;
	struct zcrx_queue *queue;
};

/* What zcrxd or the library said, and the exit status for it: the same as zcrxctl's. */
static int refuse(struct zero_copy *z, int error)
{
	static const struct {
		const char *id;
		int status;
	} table[] = {
		{ "org.varlink.service.PermissionDenied", STATUS_DENIED },
		{ "io.zcrx.Manager.QuotaExceeded", STATUS_DENIED },
		{ "io.zcrx.Manager.FlowNotProved", STATUS_DENIED },
		{ "io.zcrx.Manager.NoQueueAvailable", STATUS_UNAVAILABLE },
	};
	const char *message = zcrx_client_error(z->client);
	const char *id = zcrx_client_error_id(z->client);

	fail("%s", *message ? message : strerror(-error));
	for (size_t i = 0; id && i < ARRAY_SIZE(table); i++)
		if (streq(table[i].id, id))
			return table[i].status;
	return STATUS_FAILED;
}

static int acquire(struct session *s, struct zero_copy *z)
{
	const struct options *o = s->options;
	int r;

	r = zcrx_client_connect(z->client, o->socket);
	if (r >= 0)
		r = zcrx_lease_new(z->client, &z->lease);
	if (r < 0)
		return r;
	/* Within zcrxctl run there is a lease already. */
	if (getenv("ZCRX_LEASE") && !o->interface)
		return zcrx_lease_inherit(z->lease);
	r = zcrx_lease_set_interface(z->lease, o->interface);
	if (r >= 0)
		r = zcrx_lease_set_name(z->lease, o->name);
	if (r >= 0)
		r = zcrx_lease_acquire(z->lease);
	return r;
}

static int register_queue(struct session *s, struct zero_copy *z)
{
	const struct options *o = s->options;
	int r;

	r = zcrx_queue_new(z->lease, 0, &z->queue);
	if (r >= 0 && o->area)
		r = zcrx_queue_set_area_size(z->queue, o->area);
	if (r >= 0 && o->huge_pages)
		r = zcrx_queue_set_huge_pages(z->queue, 1);
	if (r >= 0 && o->buffer_length)
		r = zcrx_queue_set_buffer_length(z->queue, o->buffer_length);
	if (r >= 0)
		r = zcrx_queue_register(z->queue);
	return r;
}

static void describe(struct session *s, struct zero_copy *z)
{
	s->leased = true;
	snprintf(s->lease_id, sizeof(s->lease_id), "%s", zcrx_lease_get_id(z->lease));
	snprintf(s->interface, sizeof(s->interface), "%s", zcrx_lease_get_interface(z->lease));
	s->hardware_queue = zcrx_lease_get_hardware_queue(z->lease, 0);
}

static int open_zero_copy(struct session *s)
{
	struct zero_copy *z = calloc(1, sizeof(*z));
	int r;

	s->of_mode = z;
	if (!z || zcrx_client_new(&z->client) < 0)
		return fail("Out of memory.");
	r = acquire(s, z);
	if (r < 0)
		return refuse(z, r);
	describe(s, z);
	s->interrupted = session_stop(s, STAGE_ACQUIRE);
	if (s->interrupted)
		return STATUS_DONE;
	r = register_queue(s, z);
	if (r < 0)
		return refuse(z, r);
	if (!s->options->json)
		printf("lease %s: %s queue %d, %u buffers of %zu bytes\n", s->lease_id,
		       s->interface, s->hardware_queue, zcrx_queue_get_buffers(z->queue),
		       zcrx_queue_get_buffer_length(z->queue));
	s->interrupted = session_stop(s, STAGE_REGISTER);
	s->fd = zcrx_queue_get_fd(z->queue);
	return STATUS_DONE;
}

static int add(struct session *s, struct connection *c)
{
	struct zero_copy *z = s->of_mode;
	struct zcrx_stream *stream;
	int r;

	r = zcrx_queue_receive(z->queue, c->socket, c, &stream);
	if (r < 0)
		return fail("Cannot start to receive: %s.", strerror(-r));
	c->of_mode = stream;
	return STATUS_DONE;
}

static void handle(struct session *s, struct zero_copy *z, const struct zcrx_event *e)
{
	struct connection *c = e->userdata;

	switch (e->type) {
	case ZCRX_EVENT_DATA:
		session_data(c, e->data, e->length);
		zcrx_queue_return(z->queue, e->data);
		break;
	case ZCRX_EVENT_EOF:
		session_end(c, NULL);
		break;
	case ZCRX_EVENT_ERROR:
		session_end(c, e->message);
		break;
	case ZCRX_EVENT_LEASE_GONE:
		s->lease_lost = true;
		fail("The lease is gone; going on by copying.");
		break;
	case ZCRX_EVENT_COMPLETION:
		break;
	}
}

static int process(struct session *s)
{
	struct zero_copy *z = s->of_mode;
	const struct zcrx_event *event;
	int r;

	while ((r = zcrx_queue_wait(z->queue, 0, &event)) > 0)
		handle(s, z, event);
	return r < 0 && r != -EINTR ? fail("Cannot receive: %s.", strerror(-r)) : STATUS_DONE;
}

static int steer(struct session *s)
{
	struct zero_copy *z = s->of_mode;
	int r;

	r = zcrx_queue_steer_socket(z->queue, s->listener);
	if (r < 0)
		return refuse(z, r);
	s->interrupted = session_stop(s, STAGE_STEER);
	/* Takes the ring, so that the loss of the lease is heard of even before the first byte. */
	return process(s);
}

static void remove_connection(struct session *s, struct connection *c)
{
	(void)s;
	zcrx_stream_free(c->of_mode);
}

static void close_zero_copy(struct session *s)
{
	struct zero_copy *z = s->of_mode;

	if (!z)
		return;
	s->copies_known = z->queue &&
			  zcrx_queue_get_copied(z->queue, &s->copied_pieces, &s->copied_bytes) >= 0;
	/* Before the release: a direct grant is free only once its ring is closed. */
	zcrx_queue_unref(z->queue);
	/* A lease that was inherited ends with whoever started us. */
	if (z->lease && !getenv("ZCRX_LEASE") && zcrx_lease_is_gone(z->lease) == 0 &&
	    zcrx_lease_release(z->lease) < 0)
		fail("%s", zcrx_client_error(z->client));
	zcrx_lease_unref(z->lease);
	zcrx_client_unref(z->client);
	free(z);
}

const struct mode_ops mode_zero_copy = {
	.open = open_zero_copy,
	.listening = steer,
	.add = add,
	.process = process,
	.remove = remove_connection,
	.close = close_zero_copy,
};
