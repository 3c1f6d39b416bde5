/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases that no daemon knows of. They have a handle as all leases have, which hangs up when the lease is
 * released or the process ends: the other end is the lease's too.
 */
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#include "backend.h"

int local_acquire(struct zcrx_lease *l, const char *interface, unsigned int first_queue, unsigned int n)
{
	_cleanup_free_ unsigned int *queues = NULL, *napi_ids = NULL;
	_cleanup_free_ char *id = NULL, *name = NULL;
	int pair[2];

	if (n > UINT16_MAX)
		return client_cannot(l->client, -EINVAL, "lease a queue");
	id = strdup(l->backend->name);
	name = strdup(interface);
	queues = calloc(n, sizeof(*queues));
	napi_ids = calloc(n, sizeof(*napi_ids));
	if (!id || !name || !queues || !napi_ids)
		return client_cannot(l->client, -ENOMEM, "lease a queue");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return client_cannot(l->client, -errno, "make the handle of a lease");
	for (unsigned int i = 0; i < n; i++)
		queues[i] = first_queue + i;
	l->id = TAKE_PTR(id);
	l->interface = TAKE_PTR(name);
	l->hardware_queues = TAKE_PTR(queues);
	l->napi_ids = TAKE_PTR(napi_ids);
	l->n_queues = n;
	l->handle = pair[0];
	l->other_end = pair[1];
	return 0;
}

/* Says what zcrxd would, before it hangs up on those who have copies of the handle. */
int local_release(struct zcrx_lease *l)
{
	static const char end[] = "{\"end\":\"released\",\"reason\":\"it was released\"}";

	(void)send(l->other_end, end, sizeof(end) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(l->other_end, SHUT_RDWR);
	close(TAKE_FD(l->other_end));
	return 0;
}

int local_accept_flow(struct zcrx_lease *l, int queue, int socket, json_object *flow)
{
	return 0;
}
