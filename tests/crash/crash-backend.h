/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A backend around another one with a point (crash-point.h) before and after every operation that changes or
 * asks the kernel.
 */
#pragma once

#include "nic.h"

/* Around changes of the guard and of rules, in the daemon: `nic` is the one of the backend inside. */
struct crash_witness {
	void (*before_guard)(struct nic *nic);
	void (*after_guard)(struct nic *nic);
	void (*after_rule)(struct nic *nic, const struct flow *flow);
};
void crash_set_witness(const struct crash_witness *w);
/* Takes over `inner`. It is the calling process that dies. */
struct nic_backend *crash_backend_new(struct nic_backend *inner);
