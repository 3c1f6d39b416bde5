/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Areas whose lease is over and whose ring somebody keeps: they stay pinned for as long, and count for
 * their user's max-area. A queue without a NIC has none of these, because its lease ends with its
 * ring; users without a max-area have none, because their rings are not watched.
 */
#pragma once

#include "leases.h"

/* Of one user. So many entries are read again for each Register of his. */
#define LINGERING_MAX 64

struct lingering {
	TAILQ_ENTRY(lingering) entry;
	uid_t uid;
	uint64_t area;
	uint64_t ring_key;
};

/* The lease ends: before anything of it is forgotten. */
void lingering_note(const struct lease *l);
/* Forgets it again if the ring is gone. */
void lingering_add(struct leases *leases, uid_t uid, uint64_t area, uint64_t ring_key);
/* Bytes, of rings that are there still. */
uint64_t lingering_area(struct leases *leases, uid_t uid);
/* QUOTA_EXCEEDED: too many of them. */
int lingering_check(struct leases *leases, uid_t uid, struct fault *reterr);
void lingering_free(struct leases *leases);
