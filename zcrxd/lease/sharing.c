/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See sharing.h. The kernel lets nobody import an ifq without CAP_NET_ADMIN, and nothing tells whose an
 * export is: so it is zcrxd that imports, from the export that it has itself (export.h). Nothing is to be
 * asked of the NIC: the queue is bound, and nobody else may reach it, all the while.
 *
 * Who has a ring can add areas to its ifqs (Linux 7.3), and so hold up the end of the lease: each process
 * that shares is known, also to the next daemon, as the one that registered is.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "export.h"
#include "fdstore.h"
#include "log.h"
#include "registrar.h"
#include "sharing.h"
#include "unbind.h"

#define PIDFS_MAGIC 0x50494446 /* Linux 6.9 */

struct sharer {
	LIST_ENTRY(sharer) entry;
	unsigned queue, number;
	int pidfd;
	uid_t uid; /* as whom it connected */
};

static void store_name(const struct lease *l, const struct sharer *s, char ret[64])
{
	fdstore_sharer_name(l->id, s->queue, s->uid, s->number, ret);
}

static void sharer_free(struct sharer *s)
{
	LIST_REMOVE(s, entry);
	close(s->pidfd);
	free(s);
}

static void sharer_forget(const struct lease *l, struct sharer *s)
{
	char name[64];

	store_name(l, s, name);
	fdstore_remove(name);
	sharer_free(s);
}

void lease_forget_sharers(struct lease *l)
{
	while (!LIST_EMPTY(&l->sharers))
		sharer_forget(l, LIST_FIRST(&l->sharers));
}

void lease_close_sharers(struct lease *l)
{
	while (!LIST_EMPTY(&l->sharers))
		sharer_free(LIST_FIRST(&l->sharers));
}

unsigned lease_count_sharers(const struct lease *l)
{
	const struct sharer *s;
	unsigned n = 0;

	LIST_FOREACH(s, &l->sharers, entry)
		n++;
	return n;
}

/* -------------------------------------------------------------------- who shares */

static bool is_same_process(int a, int b)
{
	struct statfs fs;
	struct stat of_a, of_b;

	return a >= 0 && b >= 0 && fstatfs(a, &fs) == 0 && fs.f_type == PIDFS_MAGIC &&
	       fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 && of_a.st_ino == of_b.st_ino;
}

static bool has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* Those that have ended make room; that a child of one has inherited the ring is as for who registered. */
static unsigned count_sharers(struct lease *l, unsigned queue, unsigned *ret_number)
{
	struct sharer *s, *next;
	unsigned n = 0;

	*ret_number = 0;
	for (s = LIST_FIRST(&l->sharers); s; s = next) {
		next = LIST_NEXT(s, entry);
		if (s->queue != queue)
			continue;
		if (has_ended(s->pidfd)) {
			sharer_forget(l, s);
			continue;
		}
		n++;
		if (s->number >= *ret_number)
			*ret_number = s->number + 1;
	}
	return n;
}

static bool is_known(const struct lease *l, unsigned queue, int pidfd)
{
	const struct sharer *s;

	LIST_FOREACH(s, &l->sharers, entry)
		if (s->queue == queue && is_same_process(s->pidfd, pidfd))
			return true;
	return is_same_process(l->per_queue[queue].client_pidfd, pidfd);
}

static int sharer_add(struct lease *l, unsigned queue, int pidfd, uid_t uid, unsigned number,
		      struct sharer **ret)
{
	struct sharer *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct sharer){ .queue = queue, .number = number, .uid = uid,
			      .pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, 3) };
	if (s->pidfd < 0) {
		free(s);
		return -errno;
	}
	LIST_INSERT_HEAD(&l->sharers, s, entry);
	*ret = s;
	return 0;
}

/* Before it has the ifq, whatever happens to us in between. */
static int note_sharer(struct lease *l, unsigned queue, const struct ifq_request *request, struct fault *reterr)
{
	struct sharer *s;
	unsigned number;
	char name[64];
	int r;

	if (is_known(l, queue, request->pidfd))
		return 0;
	if (count_sharers(l, queue, &number) >= SHARERS_MAX)
		return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "sharers",
				 "Queue %u of the lease is shared by %d other processes already, which is as "
				 "many as can be. End one of them, and try again.", queue, SHARERS_MAX);
	r = lease_check_store(l, 1, reterr);
	if (r == 0)
		r = sharer_add(l, queue, request->pidfd, request->uid, number, &s);
	if (r != 0)
		return r;
	store_name(l, s, name);
	r = fdstore_push(name, s->pidfd);
	if (r < 0)
		sharer_free(s);
	return r;
}

void lease_adopt_sharers(struct lease *l, struct stored_fds *fds)
{
	for (size_t i = 0; i < fds->n; i++) {
		struct stored_fd *f = &fds->list[i];
		unsigned id, queue, uid, number;
		struct sharer *s;

		if (f->fd < 0 || !fdstore_parse_sharer_name(f->name, &id, &queue, &uid, &number) ||
		    id != l->id || queue >= l->n_queues)
			continue;
		if (sharer_add(l, queue, f->fd, uid, number, &s) == 0)
			close(TAKE_FD(f->fd));
	}
}

void lease_kill_sharers(struct lease *l, unsigned queue)
{
	struct nic_backend *b = l->leases->backend;
	const struct sharer *s;

	LIST_FOREACH(s, &l->sharers, entry) {
		int r = s->queue == queue ? b->ops->kill_client(b, s->pidfd, s->uid) : -ESRCH;

		if (r < 0 && r != -ESRCH)
			log_errno(r, "Cannot kill a process of uid %u that shares queue %u of lease %08x",
				  (unsigned)s->uid, queue, l->id);
	}
}

/* ------------------------------------------------------------------------ the import */

struct sharing {
	struct lease *lease;
	share_done done;
	void *userdata;
};

static void on_shared(int r, const struct ifq *ifq, int export_fd, struct fault *fault, void *userdata)
{
	struct sharing *s = userdata;
	struct lease *l = s->lease;

	s->done(l, r, fault, ifq, s->userdata);
	free(s);
	lease_op_end(l);
}

/* An import asks nothing of the driver. */
static bool driver_is_busy(void *userdata)
{
	return false;
}

/* What each costs the kernel is little, and nobody's: on a ring it can be many times. */
static int check_rings(const struct lease *l, unsigned queue, struct fault *reterr)
{
	struct nic_backend *b = l->leases->backend;
	const uint64_t keys[] = { nic_ring_key(l->id, queue),
				  nic_ring_key(l->id, queue) | NIC_RING_UNCOUNTED };
	unsigned found[ARRAY_SIZE(keys)] = {}, n;
	int r = b->ops->count_rings(b, keys, ARRAY_SIZE(keys), found);

	n = found[0] + found[1];
	if (r != 0 || n < SHARED_RINGS_MAX)
		return r;
	return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "rings",
			 "Queue %u of the lease is on %u rings already, which is as many as can be. Close "
			 "one of them, and try again.", queue, n);
}

static int check_queue(const struct lease *l, unsigned queue, struct fault *reterr)
{
	if (queue >= l->n_queues)
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, "queue",
				 "The lease has %u queue%s, counted from 0; there is no queue %u.",
				 l->n_queues, l->n_queues == 1 ? "" : "s", queue);
	if (!l->per_queue[queue].bound || lease_is_unbinding(l))
		return fault_set(reterr, ZCRX_WRONG_STATE, "bound",
				 "Queue %u of the lease has no ifq yet that could be shared. Register it first.",
				 queue);
	if (l->per_queue[queue].export_fd >= 0)
		return 0;
	return fault_set(reterr, ZCRX_NOT_SUPPORTED, "share",
			 "Queue %u of the lease cannot be shared: it needs Linux 6.19, and a lease of the kind "
			 "\"netkit\" (zcrxctl leases).", queue);
}

int lease_share(struct lease *l, unsigned queue, struct ifq_request *request, share_done done, void *userdata,
		struct fault *reterr)
{
	struct sharing *s;
	int r;

	r = lease_may(l, LEASE_REGISTER, reterr);
	if (r == 0)
		r = check_queue(l, queue, reterr);
	if (r == 0)
		r = check_rings(l, queue, reterr);
	if (r == 0)
		r = leases_store_rings(l->leases);
	if (r == 0)
		r = note_sharer(l, queue, request, reterr);
	if (r != 0)
		return r;
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct sharing){ l, done, userdata };
	request->shares = true;
	request->export_fd = l->per_queue[queue].export_fd;
	request->watched = true;
	request->ring_epoll_fd = l->leases->ring_epoll_fd;
	request->ring_key = nic_ring_key(l->id, queue);
	r = registrar_start(l->leases, request, driver_is_busy, on_shared, s, reterr);
	if (r != 0) {
		free(s);
		return r;
	}
	lease_op_begin(l);
	return 0;
}
