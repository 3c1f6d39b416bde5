/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Receiving on a queue leased from zcrxd. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "macro.h"
#include "zero-copy.h"

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
	if (r < 0 && !o->backend) /* otherwise whoever needs zcrxd will say so */
		return r;
	r = zcrx_lease_new(z->client, &z->lease);
	if (r < 0)
		return r;
	/* Within zcrxctl run there is a lease already. */
	if (getenv("ZCRX_LEASE") && !o->interface && !o->backend)
		return zcrx_lease_inherit(z->lease);
	r = zcrx_lease_set_interface(z->lease, o->interface);
	if (r >= 0 && o->backend)
		r = zcrx_lease_set_backends(z->lease, o->backend);
	if (r >= 0 && o->hardware_queue >= 0)
		r = zcrx_lease_set_hardware_queue(z->lease, (unsigned int)o->hardware_queue);
	if (r >= 0)
		r = zcrx_lease_set_name(z->lease, o->name);
	if (r >= 0)
		r = zcrx_lease_set_queues(z->lease, o->queues ?: 1);
	if (r >= 0)
		r = zcrx_lease_acquire(z->lease);
	return r;
}

static int watch_queue(struct zero_copy *z, struct zcrx_queue *q)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = q };
	int fd = zcrx_queue_get_fd(q);

	return fd < 0 ? fd : epoll_ctl(z->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static void tell_cut(struct zcrx_lease *l)
{
	if (zcrx_lease_get_area_size(l) < zcrx_lease_get_recommended_area_size(l))
		fprintf(stderr, "zcrxperf: the policy (max-area) leaves %zu KiB for the area of a queue; zcrxd recommends "
				"%zu KiB.\n",
			zcrx_lease_get_area_size(l) >> 10, zcrx_lease_get_recommended_area_size(l) >> 10);
}

static int new_queue(struct zero_copy *z, const struct options *o, struct zcrx_queue **ret)
{
	int r = zcrx_queue_new(z->lease, z->n_queues, ret);

	if (r < 0)
		return r;
	z->n_queues++;
	if (o->area)
		r = zcrx_queue_set_area_size(*ret, o->area);
	else if (z->n_queues == 1)
		tell_cut(z->lease);
	if (r >= 0 && o->huge_pages)
		r = zcrx_queue_set_huge_pages(*ret, 1);
	if (r >= 0 && o->buffer_length)
		r = zcrx_queue_set_buffer_length(*ret, o->buffer_length);
	return r;
}

/* First one for each queue, then more of the same. */
static int register_ring(struct session *s, struct zero_copy *z)
{
	struct zcrx_queue *q = NULL;
	int r;

	if (z->n_queues < s->n_queues)
		r = new_queue(z, s->options, &q);
	else
		r = zcrx_queue_share(z->rings[z->n_rings % z->n_queues], &q);
	if (q)
		z->rings[z->n_rings++] = q;
	if (r >= 0)
		r = zcrx_queue_register(q);
	return r < 0 || s->options->threads > 0 ? r : watch_queue(z, q);
}

static void describe(struct session *s, struct zero_copy *z)
{
	unsigned int n = s->options->queues ?: zcrx_lease_get_queues(z->lease);
	const char *backend = zcrx_lease_get_backend(z->lease);

	s->leased = true;
	s->backend = streq(backend, "zcrxd") ? NULL : backend;
	snprintf(s->lease_id, sizeof(s->lease_id), "%s", zcrx_lease_get_id(z->lease));
	snprintf(s->interface, sizeof(s->interface), "%s", zcrx_lease_get_interface(z->lease));
	s->n_queues = n < QUEUES_MAX ? n : QUEUES_MAX;
	for (unsigned int i = 0; i < s->n_queues; i++)
		s->queues[i].hardware_queue = zcrx_lease_get_hardware_queue(z->lease, i);
}

static void announce(const struct session *s, const struct zero_copy *z)
{
	if (s->options->json)
		return;
	if (s->backend)
		printf("backend %s\n", s->backend);
	printf("lease %s: %s queue%s", s->lease_id, s->interface, s->n_queues == 1 ? "" : "s");
	for (unsigned int i = 0; i < s->n_queues; i++)
		printf(" %d", s->queues[i].hardware_queue);
	printf(", %u buffers of %zu bytes%s\n", zcrx_queue_get_buffers(z->rings[0]),
	       zcrx_queue_get_buffer_length(z->rings[0]), s->n_queues == 1 ? "" : " each");
}

static int open_zero_copy(struct session *s)
{
	struct zero_copy *z = calloc(1, sizeof(*z));
	int r;

	s->of_mode = z;
	if (!z || zcrx_client_new(&z->client) < 0)
		return fail("Out of memory.");
	z->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (z->epoll < 0)
		return fail("Cannot set up polling: %s.", strerror(errno));
	r = acquire(s, z);
	if (r < 0)
		return refuse(z, r);
	describe(s, z);
	s->interrupted = session_stop(s, STAGE_ACQUIRE);
	if (s->interrupted)
		return STATUS_DONE;
	while (r >= 0 && (z->n_queues < s->n_queues || z->n_rings < s->options->threads))
		r = register_ring(s, z);
	if (r < 0)
		return refuse(z, r);
	announce(s, z);
	s->interrupted = session_stop(s, STAGE_REGISTER);
	s->fd = z->epoll;
	return s->options->threads > 0 && !s->interrupted ? threads_start(s, z, &s->fd) : STATUS_DONE;
}

/* The rings of a queue take turns. */
static unsigned int choose_ring(struct zero_copy *z, unsigned int queue)
{
	unsigned int n = (z->n_rings - queue + z->n_queues - 1) / z->n_queues;

	return queue + z->turns[queue]++ % n * z->n_queues;
}

/* The queue that its packets arrive on. One whose packets come by none is copied by any. */
static int add(struct session *s, struct connection *c)
{
	struct zero_copy *z = s->of_mode;
	int index = zcrx_lease_find_queue(z->lease, c->socket), r;
	struct zcrx_stream *stream;
	unsigned int ring;

	if (index < 0 || (unsigned int)index >= z->n_queues)
		index = (int)((s->n_accepted - 1) % z->n_queues);
	s->queues[index].connections++;
	ring = choose_ring(z, (unsigned int)index);
	if (z->threads) {
		threads_add(z->threads, ring, c);
		return STATUS_DONE;
	}
	r = zcrx_queue_receive(z->rings[ring], c->socket, c, &stream);
	if (r < 0)
		return fail("Cannot start to receive: %s.", strerror(-r));
	c->of_mode = stream;
	return STATUS_DONE;
}

/* Each ring hears of it. */
static void warn_ending(struct session *s, uint64_t deadline_usec)
{
	struct timespec now;

	if (__atomic_exchange_n(&s->lease_ending, true, __ATOMIC_RELAXED))
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	fprintf(stderr, "The lease ends in %lld s; going on by copying.\n",
		(long long)(deadline_usec / 1000000) - (long long)now.tv_sec);
}

static void tell_lease_gone(struct session *s, const struct zcrx_event *e)
{
	struct zero_copy *z = s->of_mode;

	if (!__atomic_exchange_n(&s->lease_lost, true, __ATOMIC_RELAXED))
		fail("The lease is gone: %s; %s.", e->message,
		     e->error == -ENODEV ? "nothing more can arrive" : "going on by copying");
	if (e->error == -ENODEV)
		__atomic_store_n(&s->interface_gone, true, __ATOMIC_RELAXED);
	if (z->threads)
		threads_tell(z->threads);
}

void zero_copy_handle(struct session *s, struct zcrx_queue *q, const struct zcrx_event *e)
{
	struct connection *c = e->userdata;

	switch (e->type) {
	case ZCRX_EVENT_DATA:
		session_data(c, e->data, e->length);
		zcrx_queue_return(q, e->data);
		break;
	case ZCRX_EVENT_EOF:
		session_end(c, NULL);
		break;
	case ZCRX_EVENT_ERROR:
		session_end(c, e->message);
		break;
	case ZCRX_EVENT_LEASE_GONE:
		tell_lease_gone(s, e);
		break;
	case ZCRX_EVENT_LEASE_ENDING:
		warn_ending(s, e->deadline_usec);
		break;
	case ZCRX_EVENT_STOPPED:
	case ZCRX_EVENT_COMPLETION:
	case ZCRX_EVENT_STAGED:
		break;
	}
}

static int process_queue(struct session *s, struct zcrx_queue *q)
{
	const struct zcrx_event *event;
	int r;

	while ((r = zcrx_queue_wait(q, 0, &event)) > 0)
		zero_copy_handle(s, q, event);
	if (s->interface_gone)
		return STATUS_FAILED;
	return r < 0 && r != -EINTR ? fail("Cannot receive: %s.", strerror(-r)) : STATUS_DONE;
}

static int process(struct session *s)
{
	struct zero_copy *z = s->of_mode;
	struct epoll_event events[QUEUES_MAX];
	int n, r = STATUS_DONE;

	if (z->threads)
		return s->interface_gone ? STATUS_FAILED : threads_heard(z->threads);
	n = epoll_wait(z->epoll, events, QUEUES_MAX, 0);
	for (int i = 0; i < n && r == STATUS_DONE; i++)
		r = process_queue(s, events[i].data.ptr);
	return r;
}

/* What will not come by zero copy, though the port is steered. */
static void warn(struct zero_copy *z)
{
	const unsigned int left_out = zcrx_lease_get_left_out_count(z->lease);
	const char *text;

	for (unsigned int i = 0; (text = zcrx_lease_get_taken(z->lease, i)); i++)
		fail("warning: %s", text);
	text = zcrx_lease_get_left_out(z->lease, 0);
	if (text && left_out == 1)
		fail("warning: there is no room for %s, which is copied; see zcrxctl status", text);
	else if (text)
		fail("warning: there is no room for %s and %u more flows, which are copied; see "
		     "zcrxctl status",
		     text, left_out - 1);
}

static int steer_listener(const struct session *s, struct zero_copy *z)
{
	/* Less than the lease has: by hand, as nothing leads to the others. */
	const bool all = z->n_queues == zcrx_lease_get_queues(z->lease);
	const char *address = s->options->address;
	const uint16_t port = s->options->port;
	int family;

	if (!s->options->by_value)
		return all ? zcrx_lease_steer_socket(z->lease, s->listener)
			   : zcrx_queue_steer_socket(z->rings[0], s->listener);
	family = strchr(address, ':') ? AF_INET6 : AF_INET;
	return all ? zcrx_lease_steer(z->lease, family, NULL, 0, address, port)
		   : zcrx_queue_steer(z->rings[0], family, NULL, 0, address, port);
}

static int steer(struct session *s)
{
	struct zero_copy *z = s->of_mode;
	int r;

	r = steer_listener(s, z);
	if (r == -EOPNOTSUPP && s->backend) /* whose rules are somebody else's */
		fail("warning: %s", zcrx_client_error(z->client));
	else if (r < 0)
		return refuse(z, r);
	warn(z);
	s->interrupted = session_stop(s, STAGE_STEER);
	/* Takes the rings, so that the loss of the lease is heard of even before the first byte. */
	for (unsigned int i = 0; i < z->n_rings && !z->threads; i++) {
		r = process_queue(s, z->rings[i]);
		if (r != STATUS_DONE)
			return r;
	}
	return STATUS_DONE;
}

static void remove_connection(struct session *s, struct connection *c)
{
	zcrx_stream_free(c->of_mode);
	c->of_mode = NULL;
}

/* The loop of the session sleeps while threads receive. */
static void progress(struct session *s)
{
	struct zero_copy *z = s->of_mode;

	if (z->threads)
		threads_tell(z->threads);
}

/* What each queue had, and by the kernel's account of it all. */
static void count(struct session *s, struct zero_copy *z)
{
	s->copies_known = z->n_queues > 0;
	for (unsigned int i = 0; i < z->n_queues; i++) {
		struct queue_result *q = &s->queues[i];

		for (unsigned int ring = i; ring < z->n_rings; ring += z->n_queues)
			q->bytes += zcrx_queue_get_received(z->rings[ring]);
		if (zcrx_queue_get_copied(z->rings[i], &q->copied_pieces, &q->copied_bytes) < 0)
			s->copies_known = false;
		s->copied_pieces += q->copied_pieces;
		s->copied_bytes += q->copied_bytes;
	}
}

static void close_zero_copy(struct session *s)
{
	struct zero_copy *z = s->of_mode;

	if (!z)
		return;
	if (z->threads)
		threads_stop(TAKE_PTR(z->threads));
	count(s, z);
	/* Before the release: a direct grant is free only once its rings are closed. */
	for (unsigned int i = 0; i < z->n_rings; i++)
		zcrx_queue_unref(z->rings[i]);
	if (z->epoll > 0)
		close(z->epoll);
	/* A lease that was inherited ends with whoever started us. */
	if (z->lease && !getenv("ZCRX_LEASE") && zcrx_lease_has_ended(z->lease) == 0 &&
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
	.progress = progress,
	.close = close_zero_copy,
};
