/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See outbox.h.
 */
#include <errno.h>
#include <sys/socket.h>

#include "macro.h"
#include "outbox.h"

#define FDS_MAX 16 /* of one message: what zcrxd sends has one, what clients send MESSAGE_FDS_MAX */

struct outgoing {
	STAILQ_ENTRY(outgoing) entry;
	struct message message;
	size_t sent;
	bool own_fds;
};

void outbox_init(struct outbox *b)
{
	STAILQ_INIT(&b->queue);
	b->n = 0;
}

int outbox_add(struct outbox *b, struct message *m, bool own_fds)
{
	struct outgoing *o;

	if (m->n_fds > FDS_MAX)
		return -E2BIG;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->message = *m;
	o->own_fds = own_fds;
	*m = (struct message){};
	b->n += o->message.n + 1;
	STAILQ_INSERT_TAIL(&b->queue, o, entry);
	return 0;
}

static void outgoing_free(struct outbox *b)
{
	struct outgoing *o = STAILQ_FIRST(&b->queue);

	STAILQ_REMOVE_HEAD(&b->queue, entry);
	b->n -= o->message.n + 1 - o->sent;
	for (size_t i = 0; o->own_fds && i < o->message.n_fds; i++)
		close(o->message.fds[i]);
	message_done(&o->message);
	free(o);
}

static ssize_t outgoing_send(struct outgoing *o, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = {};
	struct iovec iov = { o->message.text + o->sent, o->message.n + 1 - o->sent };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t n = o->message.n_fds;

	if (n > 0 && o->sent == 0) {
		control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
						   .cmsg_len = CMSG_LEN(n * sizeof(int)) };
		memcpy(CMSG_DATA(&control.header), o->message.fds, n * sizeof(int));
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	return sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int outbox_send(struct outbox *b, int fd)
{
	struct outgoing *o;
	int progress = 0;
	ssize_t n;

	while ((o = STAILQ_FIRST(&b->queue))) {
		n = outgoing_send(o, fd);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return progress;
		if (n < 0)
			return -errno;
		progress = 1;
		o->sent += (size_t)n;
		b->n -= (size_t)n;
		if (o->sent > o->message.n)
			outgoing_free(b);
	}
	return progress;
}

void outbox_done(struct outbox *b)
{
	while (!outbox_is_empty(b))
		outgoing_free(b);
}
