/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registering a queue: a ring that another task may still register on, and a pool on it. Called once
 * for each queue; the data path is receive.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "queue.h"

#define SUBMISSIONS	256U
#define MIN_COMPLETIONS 64U

/*
 * The kernel counts areas that zcrxd registers as locked memory of who made the ring, though it compares them
 * with zcrxd's limit. What the user's programs have locked next is compared with theirs; on some kernels a
 * ring, which has a few pages, fails with ENOMEM then. NULL: there is no limit, or no memory for the sentence.
 */
static char *explain_locked(const struct zcrx_queue *q)
{
	uint64_t needed = q->pool->area_size + ((uint64_t)1 << 20);
	struct rlimit limit;
	char *s;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return NULL;
	if (asprintf(&s, "If there is memory: this user's limit of locked memory is %llu KiB, and the areas of "
			 "all its leases count. Raise it by %llu KiB for each of them, or lift it "
			 "(LimitMEMLOCK=infinity in the unit, ulimit -l unlimited).",
		     (unsigned long long)limit.rlim_cur / 1024, (unsigned long long)needed / 1024) < 0)
		return NULL;
	return s;
}

static int make_ring(struct zcrx_queue *q, uint64_t n_buffers)
{
	_cleanup_free_ char *locked = NULL;
	struct zcrx_client *c = q->lease->client;
	struct io_uring_params p = {
		/* Disabled: while it is, it belongs to no task yet, and zcrxd may register on it.
		 */
		.flags = zcrx_pool_get_ring_flags() | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE,
		.cq_entries = q->completions ?: (unsigned int)n_buffers,
	};
	int r;

	if (p.cq_entries < MIN_COMPLETIONS)
		p.cq_entries = MIN_COMPLETIONS;
	r = io_uring_queue_init_params(p.cq_entries < SUBMISSIONS ? p.cq_entries : SUBMISSIONS,
				       &q->ring, &p);
	if (r >= 0)
		return 0;
	q->ring = (struct io_uring) {};
	locked = r == -ENOMEM ? explain_locked(q) : NULL;
	return client_fail(c, r, "Cannot create an io_uring: %s. %s", strerror(-r),
			   locked     ? locked
			   : r == -EPERM ? "See sysctl kernel.io_uring_disabled and the container's "
					 "seccomp filter."
			   : r == -ENOSYS ? "The kernel or the container's seccomp filter lacks it."
					  : "It needs Linux 6.15 or later and some memory.");
}

/* By which the queue's thread hears of the end of the lease, and reads why. */
static int keep_handle(struct zcrx_queue *q)
{
	if (q->handle >= 0 || q->lease->handle < 0)
		return 0;
	q->handle = fcntl(q->lease->handle, F_DUPFD_CLOEXEC, 3);
	return q->handle >= 0 ? 0
			      : client_fail(q->lease->client, -errno, "Cannot duplicate the lease's handle: %s.",
					    strerror(errno));
}

int zcrx_queue_register(struct zcrx_queue *queue)
{
	uint64_t n_buffers = 0;
	int r;

	if (!queue)
		return -EINVAL;
	if (queue->registered)
		return client_cannot(queue->lease->client, -EBUSY, "register the queue");
	r = pool_settle_sizes(queue->pool, &n_buffers);
	if (r >= 0)
		r = make_ring(queue, n_buffers);
	if (r >= 0)
		r = keep_handle(queue);
	if (r >= 0)
		r = zcrx_pool_register(queue->pool, queue->ring.ring_fd);
	if (r < 0) {
		queue_close(queue);
		return r;
	}
	queue->registered = true;
	return 0;
}
