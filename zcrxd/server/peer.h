/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who speaks on a connection: the kernel's word about the process that connected, never the client's.
 */
#pragma once

#include <systemd/sd-varlink.h>

#include "cpus.h"
#include "macro.h"
#include "types.h"

/* uid, gid, pid and supplementary groups, as they were when it connected. The caller calls peer_done in
 * every case. */
int peer_read(sd_varlink *link, struct peer *ret);
/* The same of a client's socket, as long as it is here. */
int peer_read_fd(int fd, struct peer *ret);
int peer_pidfd_fd(int fd);
void peer_done(struct peer *p);
#define _cleanup_peer_ _cleanup_(peer_done)

/* On which CPUs it may run, now: its first thread, as sched_setaffinity(2) and its cpuset have it. A
 * process without privileges can have no others than the cpuset's. */
int peer_cpus(sd_varlink *link, const struct peer *peer, struct cpus *ret);

/* The process that connected; the caller closes it. */
int peer_pidfd(sd_varlink *link);
