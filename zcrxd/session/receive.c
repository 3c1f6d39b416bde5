/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See receive.h.
 */
#include <errno.h>
#include <sys/socket.h>

#include "macro.h"
#include "receive.h"

static char buffer[256 * 1024]; /* more than a socket holds: a read ends where descriptors do */

static size_t take_fds(struct msghdr *h, int *ret)
{
	struct cmsghdr *c;
	size_t n = 0, k;

	for (c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(ret + n, CMSG_DATA(c), k * sizeof(int));
		n += k;
	}
	return n;
}

static int receive_some(int fd, size_t size, struct received *ret)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(RECEIVE_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { buffer, size };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n;

	n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	ret->data = buffer;
	ret->n = (size_t)n;
	ret->n_fds = take_fds(&h, ret->fds);
	ret->truncated = h.msg_flags & MSG_CTRUNC;
	return 1;
}

int receive(int fd, struct received *ret)
{
	return receive_some(fd, sizeof(buffer), ret);
}

int receive_first(int fd)
{
	struct received in;
	int r;

	r = receive_some(fd, 1, &in);
	if (r <= 0)
		return r < 0 ? r : -ENOTCONN;
	return in.n_fds == 1 ? in.fds[0] : -ENOTCONN;
}
