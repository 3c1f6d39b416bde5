/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exports of a lease's ifqs; see export.c.
 */
#pragma once

#include "leases.h"

/* Takes fd over, which may be -EBADF. `store`: unless it comes from the store. Negative errno: it is not
 * stored, and the next daemon would not have it. */
int lease_set_export(struct lease *l, unsigned queue, int fd, bool store);
/* The queues are nobody's. */
void lease_forget_exports(struct lease *l);
/* Every ifq of the lease has one: leases of earlier daemons have none. */
bool lease_has_exports(const struct lease *l);

/* What tells which rings there are still is known to the next daemon as well. */
int leases_store_rings(struct leases *leases);

/* Keeps the process that registers a queue in mind, and as whom it did, also for the next daemon; takes
 * pidfd over, on failure too. */
int lease_set_client(struct lease *l, unsigned queue, int pidfd, uid_t uid, bool store);
void lease_forget_client(struct lease *l, unsigned queue);
