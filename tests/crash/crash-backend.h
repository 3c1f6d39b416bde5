/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A backend around another one that kills the daemon at the N-th point: before and after every
 * operation that changes or asks the kernel, and before and after every write of the state file
 * or of a NIC's past (link with --wrap=state_write, --wrap=baseline_write). N comes from crash_arm,
 * or from a file, which may appear at any time: counting begins there. It is removed at the moment
 * of death, so that the next daemon lives.
 */
#pragma once

#include "nic.h"

/* Once, before any process is forked that shall see it. `path` of the file, NULL: crash_arm.
 * `last_act` (may be NULL) is called right before the kill. */
int crash_setup(const char *path, void (*last_act)(void));
/* The n-th point from here is the last; 0: none is. */
void crash_arm(unsigned n);
/* Since then. */
unsigned crash_passed(void);
void crash_point(void);
/* Around changes of the guard and of rules, in the daemon: `nic` is the one of the backend inside. */
struct crash_witness {
	void (*before_guard)(struct nic *nic);
	void (*after_guard)(struct nic *nic);
	void (*after_rule)(struct nic *nic, const struct flow *flow);
};
void crash_set_witness(const struct crash_witness *w);
/* Takes over `inner`. It is the calling process that dies. */
struct nic_backend *crash_backend_new(struct nic_backend *inner);
