/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See hand-over.h.
 */
#include <errno.h>
#include <sys/socket.h>

#include "hand-over.h"
#include "session-process.h"

static int link_send_client(int link, int client)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} c = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
			    .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec iov = { (char[]){ 0 }, 1 };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c,
			    .msg_controllen = sizeof(c) };

	memcpy(CMSG_DATA(&c.header), &client, sizeof(client));
	return sendmsg(link, &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* No session takes it now: the client's socket comes back out of the link. */
static int link_take_back(int link)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} c;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c,
			    .msg_controllen = sizeof(c) };
	int client;

	if (recvmsg(link, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&h))
		return -EBADF;
	memcpy(&client, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(client));
	return client;
}

int hand_over(struct server *server, uid_t uid, int *client, struct session_process **ret, int *ret_link)
{
	_cleanup_close_ int ours = -EBADF, theirs = -EBADF;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	r = link_send_client(ours, *client);
	if (r < 0)
		return r;
	close(TAKE_FD(*client));
	r = session_send(server, uid, theirs, ret);
	if (r < 0) {
		*client = link_take_back(theirs);
		return r;
	}
	*ret_link = TAKE_FD(ours);
	return 0;
}
