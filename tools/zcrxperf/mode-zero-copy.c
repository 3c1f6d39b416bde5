/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Receiving on queues leased from zcrxd: what comes on them. zero-copy-open.c gets them. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "macro.h"
#include "zero-copy.h"

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
	c->ring = ring;
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

	for (unsigned int n = 0; (r = zcrx_queue_wait(q, 0, &event)) > 0;) {
		zero_copy_handle(s, q, event);
		if (++n == EVENTS_AT_ONCE) {
			s->more = true;
			break;
		}
	}
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
	if (s->more) { /* of some queue: its descriptor need not say so */
		s->more = false;
		for (unsigned int i = 0; i < z->n_rings && r == STATUS_DONE; i++)
			r = process_queue(s, z->rings[i]);
		return r;
	}
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

/* So that the loss of the lease is heard of even before the first byte. */
static int take_rings(struct session *s)
{
	struct zero_copy *z = s->of_mode;
	int r = STATUS_DONE;

	for (unsigned int i = 0; i < z->n_rings && !z->threads && r == STATUS_DONE; i++)
		r = process_queue(s, z->rings[i]);
	return r;
}

static int steer(struct session *s)
{
	struct zero_copy *z = s->of_mode;
	int r;

	r = steer_listener(s, z);
	if (r == -EOPNOTSUPP && s->backend) /* whose rules are somebody else's */
		fail("warning: %s", zcrx_client_error(z->client));
	else if (r < 0)
		return zero_copy_refuse(z, r);
	warn(z);
	s->interrupted = session_stop(s, STAGE_STEER);
	return take_rings(s);
}

/* By its own addresses and ports, to the queue of its ring. */
static void steer_connection(struct session *s, struct connection *c)
{
	struct zero_copy *z = s->of_mode;
	int r = zcrx_queue_steer_socket(z->rings[c->ring], c->socket);

	if (r < 0 && s->n_unsteered++ == 0)
		fail("warning: connection %td is copied: %s", c - s->connections,
		     zcrx_client_error(z->client));
	if (r >= 0)
		warn(z);
}

static void unsteer(struct session *s)
{
	struct zero_copy *z = s->of_mode;
	unsigned int left = 0; /* of which zcrxd would not hear: their sockets end them */
	const char *id;

	while ((id = zcrx_lease_get_flow_id(z->lease, left)))
		if (zcrx_lease_remove_flow(z->lease, id) < 0)
			left++;
	s->n_unsteered = 0;
}

static void remove_connection(struct session *s, struct connection *c)
{
	zcrx_stream_free(c->of_mode);
	c->of_mode = NULL;
}

/* They use streams, which are about to go. */
static void stop_threads(struct session *s)
{
	struct zero_copy *z = s->of_mode;

	if (z && z->threads)
		threads_stop(TAKE_PTR(z->threads));
}

/* The loop of the session sleeps while threads receive. */
static void progress(struct session *s)
{
	struct zero_copy *z = s->of_mode;

	if (z->threads)
		threads_tell(z->threads);
}

/* What kept it from zero copy, by kind; what the kernel does not tell is 0. */
static void count_starved(struct session *s, struct zcrx_queue *q)
{
	for (int i = 0; i < STARVED_KINDS; i++) {
		uint64_t n = 0;

		if (zcrx_queue_get_counter(q, (enum zcrx_counter)(ZCRX_COUNTER_STARVED_NIC + i), &n) == 0)
			s->starved[i] += n;
	}
}

/* What each queue had, and by the kernel's account of it all. */
static void count(struct session *s)
{
	struct zero_copy *z = s->of_mode;

	s->copies_known = z->n_queues > 0;
	s->copied_bytes = s->copied_pieces = 0;
	memset(s->starved, 0, sizeof(s->starved));
	for (unsigned int i = 0; i < z->n_queues; i++) {
		struct queue_result *q = &s->queues[i];

		q->bytes = 0;
		for (unsigned int ring = i; ring < z->n_rings; ring += z->n_queues)
			q->bytes += zcrx_queue_get_received(z->rings[ring]);
		if (zcrx_queue_get_copied(z->rings[i], &q->copied_pieces, &q->copied_bytes) < 0)
			s->copies_known = false;
		s->copied_pieces += q->copied_pieces;
		s->copied_bytes += q->copied_bytes;
		count_starved(s, z->rings[i]);
	}
}

static void close_zero_copy(struct session *s)
{
	struct zero_copy *z = s->of_mode;

	if (!z)
		return;
	count(s);
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
	.open = zero_copy_open,
	.listening = steer,
	.add = add,
	.steer = steer_connection,
	.unsteer = unsteer,
	.process = process,
	.stop = stop_threads,
	.remove = remove_connection,
	.progress = progress,
	.count = count,
	.close = close_zero_copy,
};

/* On the same rings, but nothing is led to them: the kernel copies into their memory, as it does whenever
 * something keeps a flow from its queue. */
const struct mode_ops mode_copy = {
	.open = zero_copy_open,
	.listening = take_rings,
	.add = add,
	.process = process,
	.stop = stop_threads,
	.remove = remove_connection,
	.progress = progress,
	.count = count,
	.close = close_zero_copy,
};
