/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the sockets that proved flows still do.
 */
#pragma once

#include "leases.h"
#include "proof.h"

void proof_invalidate(struct proof *p, const char *why);
/* Now, and from now on as long as there are any: the whole of what was asked when they were shown. */
void proofs_check(struct leases *leases);
int proofs_watch(struct leases *leases);
void proofs_socket_gone(struct leases *leases, uint64_t cookie);
void proofs_addresses_changed(struct device *d);
/* The rules of flows that nobody proves any more, and that could not be removed when that was found. */
void proofs_retry_removals(struct device *d);
/* Now, and the end of none was told. */
void proofs_resync(struct leases *leases);
