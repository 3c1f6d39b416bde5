/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Before the netkit device of a lease is deleted, on kernels where clients add areas to their queues
 * (7.3). They pin that memory, which may never become present (FUSE), with a lock held that the deletion
 * waits for, uninterruptibly and with the network configuration locked. So it is asked first (question.h)
 * whether the lock is free, and a device whose queues cannot be asked for is deleted only when they are
 * nobody's. What is left is the moment between the answer and the deletion: SECURITY.md.
 */
#pragma once

#include "leases.h"
#include "question.h"

struct deletion {
	bool guarded;
	size_t n_asked;	      /* so many queues have an export */
	struct asking asking; /* fd -EBADF: they cannot be asked */
	uint32_t queues[LEASE_QUEUES_MAX];
	bool is_blind[LEASE_QUEUES_MAX]; /* if it has an ifq, there is no export of it */
	bool is_bound[LEASE_QUEUES_MAX]; /* as far as we know */
	unsigned n_queues;
	bool held; /* an area is being added */
	bool unanswered; /* the exports are of no use, and only hide whether the rings are there */
};

/* On the loop. -EAGAIN: the last question still hangs. */
int deletion_prepare(struct lease *l, struct deletion *ret);
/* On the worker: 0 if the device may be deleted at once. */
int deletion_check(struct nic *nic, struct deletion *d, struct fault *reterr);
void deletion_done(struct deletion *d);
/* Where no lease is known, by exports that were found; at start, when nobody is held up by the wait. */
bool deletion_is_safe(struct leases *leases, const int *exports, size_t n);

#define DELETION_HELD                                                                              \
	"A process is adding memory to a queue of it (Linux 7.3) that is not there yet: deleting its " \
	"device would hold up all changes of the network configuration. Often the server of a file " \
	"system (FUSE) keeps it; end that."
