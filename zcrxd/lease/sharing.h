/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Share: one more ring for the ifq of a queue that is bound; the process that has it may be another one.
 */
#pragma once

#include "leases.h"
#include "nic.h"

/* So many processes may share a queue, besides the one that registered it. */
#define SHARERS_MAX	15
/* And so many rings it may be on, the first included. */
#define SHARED_RINGS_MAX 64

typedef void (*share_done)(struct lease *lease, int r, struct fault *fault, const struct ifq *ifq,
			   void *userdata);

/* Client and ring are filled in of `request`; its descriptors are borrowed. WRONG_STATE: the queue is not
 * bound. NOT_SUPPORTED: zcrxd has no export of its ifq. QUOTA_EXCEEDED. */
int lease_share(struct lease *l, unsigned queue, struct ifq_request *request, share_done done, void *userdata,
		struct fault *reterr);

/* Of a daemon before this one: takes the pidfds of the lease's sharers from the store. */
struct stored_fds;
void lease_adopt_sharers(struct lease *l, struct stored_fds *fds);
unsigned lease_count_sharers(const struct lease *l);
/* SIGKILL for those of a queue: the kernel cannot take it back from them otherwise. */
void lease_kill_sharers(struct lease *l, unsigned queue);
/* The queues are nobody's. */
void lease_forget_sharers(struct lease *l);
/* The daemon ends, and the store has copies. */
void lease_close_sharers(struct lease *l);
