/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one system call that pools and backends make on rings; in a file of its own, so that tests replace it. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pool.h"

int ring_register(int ring_fd, unsigned int op, void *arg, unsigned int n_args)
{
	return syscall(SYS_io_uring_register, ring_fd, op, arg, n_args) < 0 ? -errno : 0;
}
