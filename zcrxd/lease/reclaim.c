/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See reclaim.h.
 */
#include <errno.h>

#include "reclaim.h"
#include "tune.h"

/* 0 if nobody holds the queue. One that the device has no more, because its channels were lowered,
 * is nobody's. */
static int check_free(struct nic *nic, uint32_t queue, struct fault *reterr)
{
	_cleanup_free_ char *user = NULL;
	struct nic_queue q = {};
	int r;

	r = nic->ops->queues(nic, &queue, 1, &q, reterr);
	if (r == ZCRX_KERNEL_REJECTED && reterr->error == EINVAL) {
		fault_done(reterr);
		return 0;
	}
	if (r != 0 || !nic_queue_is_used(&q))
		return r;
	user = nic_queue_describe_user(&q);
	return fault_set(reterr, ZCRX_WRONG_STATE, "bound", "Queue %u is still held by %s.", queue,
			 user ?: "another process");
}

static bool has_ring(struct nic *nic, const struct reclaim *t)
{
	for (unsigned i = 0; i < t->n_queues; i++) {
		_cleanup_fault_ struct fault ignored = {};
		struct nic_queue q = {};

		if (nic->ops->queues(nic, &t->queues[i], 1, &q, &ignored) == 0 && q.io_uring)
			return true;
	}
	return false;
}

void reclaim_run(struct nic *nic, void *data)
{
	struct reclaim *t = data;
	_cleanup_fault_ struct fault fault = {};
	int held = 0;

	t->waits = t->ring_first && has_ring(nic, t);
	if (t->waits)
		return;
	/* Somebody's rule may keep the context; the queues are taken from the client all the same. */
	if (t->context)
		held = nic->ops->context_delete(nic, t->context, t->queues, t->n_queues, &fault);
	t->context_lost = nic_context_is_lost(held, &fault);
	if (t->context_lost)
		held = 0;
	if (!t->gone)
		t->r = deletion_check(nic, &t->deletion, &t->fault);
	if (t->r == 0 && t->granted)
		t->r = nic->ops->ungrant(nic, &t->grant, &t->fault);
	if (t->gone)
		return;
	for (unsigned i = 0; t->r == 0 && i < t->n_queues; i++)
		t->r = tune_restore(nic, t->queues[i], &t->found[i], &t->fault);
	for (unsigned i = 0; t->r == 0 && i < t->n_queues; i++)
		t->r = check_free(nic, t->queues[i], &t->fault);
	t->context = held == 0 ? 0 : t->context;
	if (t->r != 0 || held == 0)
		return;
	t->r = held;
	t->fault = fault;
	fault = (struct fault){};
}
