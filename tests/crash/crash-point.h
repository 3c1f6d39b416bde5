/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kills the daemon at the N-th point: before and after whatever calls crash_point() there, and every write of
 * the state file or of a NIC's past (link with --wrap=state_write, --wrap=state_append, --wrap=baseline_write),
 * and within each that appends to it. N comes from
 * crash_arm, or from a file, which may appear at any time: counting begins there. It is removed at the moment
 * of death, so that the next daemon lives.
 */
#pragma once

#include <sys/types.h>

/* Once, before any process is forked that shall see it. `path` of the file, NULL: crash_arm.
 * `last_act` (may be NULL) is called right before the kill. */
int crash_setup(const char *path, void (*last_act)(void));
/* It is this process that dies. */
void crash_set_victim(pid_t daemon);
/* The n-th point from here is the last; 0: none is. */
void crash_arm(unsigned n);
/* Since then. */
unsigned crash_passed(void);
void crash_point(void);
