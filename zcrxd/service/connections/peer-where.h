/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the process that connected runs: which of its namespaces are the daemon's own. The kernel
 * answers by the process's pidfd, which is of that process for ever; what it does not show is taken
 * for another's. Called when a connection is accepted; decides nothing, model/policy.c does. A client can
 * hold it up for some 40 ms at most, and has then hidden itself.
 */
#pragma once

#include "macro.h"
#include "types.h"

/* Fills where and foreign; the uid has to be there already. pidfd: SO_PEERPIDFD of the connection, or
 * negative if there is none any more. Fails only if the daemon itself lacks descriptors or memory. */
int peer_read_where(int pidfd, struct peer *p);
