/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See deletion.h.
 */
#include <errno.h>

#include "deletion.h"
#include "log.h"

int deletion_prepare(struct lease *l, struct deletion *ret)
{
	struct nic_backend *b = l->leases->backend;
	int exports[LEASE_QUEUES_MAX], r = 0;
	size_t n = 0;

	*ret = (struct deletion){ .asking.fd = -EBADF };
	if (!l->granted || l->grant.kind != GRANT_NETKIT || !b->ops->features(b)->added_areas)
		return 0;
	if (l->question)
		return -EAGAIN;
	ret->guarded = true;
	ret->n_queues = l->n_queues;
	for (unsigned i = 0; i < l->n_queues; i++) {
		ret->queues[i] = l->queues[i];
		ret->is_blind[i] = l->per_queue[i].export_fd < 0;
		ret->is_bound[i] = l->per_queue[i].bound;
		if (!ret->is_blind[i])
			exports[n++] = l->per_queue[i].export_fd;
	}
	ret->n_asked = n;
	if (n > 0)
		r = question_new(l->leases->loop->event, b->ops->wait_for_areas, b, exports, n,
				 &l->question);
	if (n > 0 && r == 0)
		r = question_asking(l->question, &ret->asking);
	if (r < 0)
		log_errno(r, "Cannot ask for the queues of lease %08x", l->id);
	return 0;
}

static int check_blind(struct nic *nic, const struct deletion *d, struct fault *reterr)
{
	for (unsigned i = 0; i < d->n_queues; i++) {
		struct nic_queue q = {};
		int r;

		if (!d->is_blind[i])
			continue;
		r = nic->ops->queues(nic, &d->queues[i], 1, &q, reterr);
		/* A NIC that is gone took the device with it, or has left it to be deleted; one that is
		 * down does not tell. */
		if (r == ZCRX_NO_SUCH_INTERFACE || (r == ZCRX_INTERFACE_DOWN && !d->is_bound[i])) {
			fault_done(reterr);
			continue;
		}
		if (r != 0)
			return r;
		if (q.io_uring)
			return fault_set(reterr, ZCRX_WRONG_STATE, "bound",
					 "Some process keeps the ring of queue %u, and whether it is "
					 "adding memory to it (Linux 7.3) cannot be told: deleting the "
					 "device of the lease might hold up all changes of the network "
					 "configuration. End that process.", d->queues[i]);
	}
	return 0;
}

int deletion_check(struct nic *nic, struct deletion *d, struct fault *reterr)
{
	int r;

	if (!d->guarded)
		return 0;
	r = check_blind(nic, d, reterr);
	if (r != 0 || d->n_asked == 0)
		return r;
	r = d->asking.fd < 0 ? -EBADF : asking_answer(&d->asking);
	if (r < 0) {
		d->unanswered = true;
		return fault_kernel(reterr, -r, NULL, "ask whether areas are being added",
				    "The device is deleted when no ring is left.");
	}
	d->held = r == QUESTION_HELD;
	return d->held ? fault_set(reterr, ZCRX_WRONG_STATE, "bound", DELETION_HELD) : 0;
}

void deletion_done(struct deletion *d)
{
	asking_done(&d->asking);
}

bool deletion_is_safe(struct leases *leases, const int *exports, size_t n)
{
	struct asking asking = { .fd = -EBADF };
	struct question *question = NULL;
	int r;

	if (n == 0 || !leases->backend->ops->features(leases->backend)->added_areas)
		return true;
	r = question_new(leases->loop->event, leases->backend->ops->wait_for_areas, leases->backend, exports, n, &question);
	if (r == 0)
		r = question_asking(question, &asking);
	if (r == 0)
		r = asking_answer(&asking);
	asking_done(&asking);
	question_abandon(&question);
	return r == QUESTION_FREE;
}
