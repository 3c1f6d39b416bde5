/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lease of the modes zero-copy and copy, and its rings: how they come to be. */
#include <errno.h>
#include <sys/epoll.h>

#include "macro.h"
#include "zero-copy.h"

int zero_copy_refuse(struct zero_copy *z, int error)
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

int zero_copy_open(struct session *s)
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
		return zero_copy_refuse(z, r);
	describe(s, z);
	s->interrupted = session_stop(s, STAGE_ACQUIRE);
	if (s->interrupted)
		return STATUS_DONE;
	while (r >= 0 && (z->n_queues < s->n_queues || z->n_rings < s->options->threads))
		r = register_ring(s, z);
	if (r < 0)
		return zero_copy_refuse(z, r);
	announce(s, z);
	s->interrupted = session_stop(s, STAGE_REGISTER);
	s->fd = z->epoll;
	return s->options->threads > 0 && !s->interrupted ? threads_start(s, z, &s->fd) : STATUS_DONE;
}
