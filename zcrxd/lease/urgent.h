/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is urgent data announced on a connection that has not come yet? TCP keeps where it will be, and reads
 * that byte from whatever segment brings it, which panics the kernel if it is in a client's memory; the
 * guard does not see that segment (docs/KERNEL.md). Only recv(MSG_OOB) tells, with the socket's lock held,
 * which a client can keep for as long as it likes: so a process asks (util/question.h), and each user
 * has few of them.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "question.h"

struct fault;
struct leases;

#define URGENT_MAX	  64
#define URGENT_OF_A_USER  8

/* Of all leases: those whose process has not ended. */
struct urgent_slot {
	struct question *question;
	uid_t uid;
	uint64_t serial; /* of the last one */
};

/* One that was not asked yet, or is being asked. All zero: none. */
struct urgent {
	struct urgent_slot *slot;
	uint64_t serial;
	struct asking asking;
	bool asked;
};

/* On the loop. Its process has a copy of the socket until it is asked or ended. */
int urgent_begin(struct leases *leases, uid_t uid, int fd, struct urgent *ret, struct fault *reterr);
/* On a worker: 0 if there is none. */
int urgent_check(struct urgent *u, struct fault *reterr);
/* On the loop. */
void urgent_end(struct urgent *u);
void urgent_free_all(struct leases *leases);
