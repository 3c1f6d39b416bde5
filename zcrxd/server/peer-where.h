/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the process that connected runs: its control group, and which of its namespaces are the daemon's own. What the kernel does
 * not show is taken for another's. Called when a connection is accepted; decides nothing,
 * model/lease/policy.c does.
 */
#pragma once

#include "macro.h"
#include "types.h"

/* Fills where, cgroup and foreign; the uid has to be there already. fd: the accepted connection; pidfd: its
 * SO_PEERPIDFD, or negative if there is none any more. Never waits for the process. Fails only if the
 * daemon itself lacks descriptors or memory. */
int peer_read_where(int fd, int pidfd, struct peer *p);
