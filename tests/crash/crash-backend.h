/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A backend around another one that kills the daemon at the N-th point: before and after every
 * operation that changes or asks the kernel, and before and after every write of the state file
 * (zcrxd-crash is linked with --wrap=state_write). N comes from a file, which may appear at any time:
 * counting begins there. It is removed at the moment of death, so that the next daemon lives.
 */
#pragma once

#include "nic.h"

/* Takes over `inner`. Without a file, nothing is ever killed. */
struct nic_backend *crash_backend_new(struct nic_backend *inner, const char *path);
void crash_point(void);
