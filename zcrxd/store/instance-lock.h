/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One zcrxd a machine: two of them would take each other's leases for what nobody owns. main.c takes it before
 * anything else is done, whatever socket and configuration it was given.
 */
#pragma once

#include "fault.h"

/*
 * For as long as this process lives, to its last thread: a successor of one that hangs in the kernel waits.
 * *ret_fd is to stay open, and no other descriptor of the file may be closed. WRONG_STATE: another one is running.
 */
int instance_lock(const char *path, int *ret_fd, struct fault *reterr);
