/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes that may hang without harm: forked for one call that somebody else can make last for ever.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* In the child, first of all: it dies with the daemon, and has no other descriptors than these and the
 * standard streams, because one that is held up would hold up the end of everybody's connections,
 * sockets and handles. The array is sorted; what is negative in it is none. The name is for whoever
 * finds one that hangs. */
void disposable_begin(pid_t daemon, const char *name, int *fds, size_t n);
