/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which descriptors of clients come in: those that this process can close without waiting for
 * anybody. See admit.c.
 */
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

/* More of them in one message end the connection. No method has use for more than two. */
#define ADMIT_FDS_MAX 16

/* Before the first message. */
int admit_setup(void);

/*
 * In the place of recvmsg(2), for the whole process. Memory, sockets and dma-bufs come in as they
 * are; anything else arrives as /dev/null, and is closed where that may take for ever. A user of
 * whom ADMIT_FDS_MAX are still being closed gets no more in.
 */
ssize_t recvmsg(int fd, struct msghdr *message, int flags);
