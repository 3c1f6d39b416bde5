/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our export of each ifq that goes through a netkit device: a descriptor that stands for it, made by the
 * process that registered it, so that it is this lease's by construction. It is kept, here and in the
 * service manager's store, until the queue is nobody's, which is after the device was deleted: so the
 * ring is never the last that holds the ifq, and can close at any time without meeting the deletion; and
 * the deletion can be asked for first (deletion.h).
 */
#include <errno.h>

#include "export.h"
#include "fdstore-later.h"
#include "fdstore.h"
#include "log.h"

int lease_set_export(struct lease *l, unsigned queue, int fd, bool store)
{
	char name[64];

	l->per_queue[queue].export_fd = fd;
	fdstore_export_name(l->id, queue, name);
	return store && fd >= 0 ? fdstore_push(name, fd) : 0;
}

void lease_forget_exports(struct lease *l)
{
	char name[64];

	for (unsigned i = 0; i < l->n_queues; i++) {
		if (l->per_queue[i].export_fd < 0)
			continue;
		fdstore_export_name(l->id, i, name);
		fdstore_remove_later(name, TAKE_FD(l->per_queue[i].export_fd));
	}
}

bool lease_has_exports(const struct lease *l)
{
	for (unsigned i = 0; i < l->n_queues; i++)
		if (l->per_queue[i].bound && l->per_queue[i].export_fd < 0)
			return false;
	return true;
}

int leases_store_rings(struct leases *leases)
{
	int r;

	if (leases->ring_epoll_stored || leases->ring_epoll_fd < 0)
		return 0;
	r = fdstore_push(FDSTORE_RINGS, leases->ring_epoll_fd);
	leases->ring_epoll_stored = r == 0;
	return r;
}

/* ------------------------------------------------------ the process that registered it */

int lease_set_client(struct lease *l, unsigned queue, int pidfd, uid_t uid, bool store)
{
	char name[64];

	fdstore_client_name(l->id, queue, name);
	if (l->per_queue[queue].client_pidfd >= 0)
		close(l->per_queue[queue].client_pidfd);
	l->per_queue[queue].client_pidfd = pidfd;
	l->per_queue[queue].client_uid = uid;
	return store && pidfd >= 0 ? fdstore_push(name, pidfd) : 0;
}

void lease_forget_client(struct lease *l, unsigned queue)
{
	char name[64];

	if (l->per_queue[queue].client_pidfd < 0)
		return;
	fdstore_client_name(l->id, queue, name);
	fdstore_remove_later(name, -EBADF);
	(void)lease_set_client(l, queue, -EBADF, l->owner_uid, false);
}
