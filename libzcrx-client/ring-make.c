/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ring to try things on, without liburing; in a file of its own, so that tests replace it. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pool.h"

int ring_make(void)
{
	struct zc_ring_params params = { .flags = ZC_SETUP };
	int fd = (int)syscall(SYS_io_uring_setup, 2, &params);

	return fd < 0 ? -errno : fd;
}
