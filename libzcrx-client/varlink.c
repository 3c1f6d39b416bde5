/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See varlink.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "deadline.h"
#include "varlink.h"

struct varlink {
	int fd;
	int pushed[VARLINK_FDS_MAX], received[VARLINK_FDS_MAX]; /* -EBADF: taken */
	size_t n_pushed, n_received;
	json_object *call; /* that is under way, with the text of it */
	const char *text; /* of which so much is to be sent */
	size_t left;
	char *buffer; /* the reply that is coming, */
	size_t size, allocated;
	json_object *reply; /* and the last one */
};

int varlink_new(int fd, struct varlink **ret)
{
	struct varlink *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->fd = fd;
	*ret = v;
	return 0;
}

int varlink_connect(const char *path, uint64_t timeout, struct varlink **ret)
{
	struct timeval limit = { .tv_sec = (time_t)(timeout / 1000000), .tv_usec = (suseconds_t)(timeout % 1000000) };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (*path != '/' && *path != '@')
		return -EINVAL;
	if (n >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, n);
	if (*path == '@')
		address.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (timeout == 0 ? SOCK_NONBLOCK : 0), 0);
	if (fd < 0)
		return -errno;
	/* A unix socket waits in connect(2) for room in the queue, and tells poll(2) nothing of it. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	do
		r = connect(fd, (struct sockaddr *)&address,
			    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*path == '/')));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EAGAIN && timeout > 0 ? -ETIMEDOUT : -errno;
	r = varlink_new(fd, ret);
	if (r == 0)
		(void)TAKE_FD(fd);
	return r;
}

static void close_all(int *fds, size_t *n)
{
	while (*n > 0)
		closep(&fds[--*n]);
}

struct varlink *varlink_free(struct varlink *v)
{
	if (!v)
		return NULL;
	closep(&v->fd);
	close_all(v->pushed, &v->n_pushed);
	close_all(v->received, &v->n_received);
	json_object_put(v->call);
	json_object_put(v->reply);
	free(v->buffer);
	free(v);
	return NULL;
}

int varlink_get_fd(const struct varlink *v)
{
	return v->fd;
}

int varlink_push_fd(struct varlink *v, int fd)
{
	int copy;

	if (v->n_pushed == VARLINK_FDS_MAX)
		return -ENOBUFS;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return -errno;
	v->pushed[v->n_pushed] = copy;
	return (int)v->n_pushed++;
}

int varlink_take_fd(struct varlink *v, uint64_t index)
{
	return index < v->n_received && v->received[index] >= 0 ? TAKE_FD(v->received[index]) : -ENXIO;
}

/* Room for what comes with one message either way. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(VARLINK_FDS_MAX * sizeof(int))];
};

/* The text with its zero byte; the descriptors go with its first part. 1: all of it is sent. */
static int send_text(struct varlink *v)
{
	while (v->left > 0) {
		union control control = {};
		struct iovec iov = { .iov_base = (char *)v->text, .iov_len = v->left };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n;

		if (v->n_pushed > 0) {
			control.header = (struct cmsghdr) { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
							    .cmsg_len = CMSG_LEN(v->n_pushed * sizeof(int)) };
			memcpy(CMSG_DATA(&control.header), v->pushed, v->n_pushed * sizeof(int));
			m.msg_control = &control;
			m.msg_controllen = CMSG_SPACE(v->n_pushed * sizeof(int));
		}
		n = sendmsg(v->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : errno == EPIPE ? -ECONNRESET : -errno;
		close_all(v->pushed, &v->n_pushed);
		v->text += n;
		v->left -= (size_t)n;
	}
	return 1;
}

/* All of them, also beyond what is wanted: none may be left open. */
static int keep_fds(struct varlink *v, struct msghdr *m)
{
	int r = m->msg_flags & MSG_CTRUNC ? -EBADMSG : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (v->n_received < VARLINK_FDS_MAX) {
				v->received[v->n_received++] = fd;
			} else {
				close(fd);
				r = -EBADMSG;
			}
		}
	}
	return r;
}

static int grow(struct varlink *v)
{
	size_t wanted = v->allocated > 0 ? v->allocated * 2 : 4096;
	char *buffer;

	if (v->size < v->allocated)
		return 0;
	if (wanted > VARLINK_MESSAGE_MAX)
		return -EBADMSG;
	buffer = realloc(v->buffer, wanted);
	if (!buffer)
		return -ENOMEM;
	v->buffer = buffer;
	v->allocated = wanted;
	return 0;
}

/* Up to the zero byte: 1, that is all. What follows it, for it was one call, is no message to who reads this one. */
static int receive_text(struct varlink *v)
{
	for (;;) {
		union control control;
		struct iovec iov;
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				    .msg_controllen = sizeof(control) };
		bool ends;
		ssize_t n;
		int r = grow(v);

		if (r < 0)
			return r;
		iov = (struct iovec) { .iov_base = v->buffer + v->size, .iov_len = v->allocated - v->size };
		n = recvmsg(v->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return -ECONNRESET;
		r = keep_fds(v, &m);
		if (r < 0)
			return r;
		ends = memchr(v->buffer + v->size, 0, (size_t)n) != NULL;
		v->size += (size_t)n;
		if (ends)
			return 1;
	}
}

void varlink_forget(struct varlink *v)
{
	close_all(v->pushed, &v->n_pushed);
}

int varlink_start(struct varlink *v, const char *method, json_object *parameters)
{
	json_object_put(v->reply);
	json_object_put(v->call);
	v->reply = NULL;
	v->size = 0;
	close_all(v->received, &v->n_received);
	v->call = message_new();
	message_put_string(&v->call, "method", method);
	message_put_object(&v->call, "parameters", parameters);
	v->text = v->call ? json_object_to_json_string_length(v->call, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &v->left) : NULL;
	if (!v->text)
		return -ENOMEM;
	v->left++;
	return 0;
}

int varlink_process(struct varlink *v)
{
	int r = send_text(v);

	return r > 0 ? receive_text(v) : r;
}

short varlink_events(const struct varlink *v)
{
	return v->left > 0 ? POLLOUT : POLLIN;
}

int varlink_await(const struct varlink *v, uint64_t deadline)
{
	struct pollfd p = { .fd = v->fd, .events = varlink_events(v) };
	int r;

	do {
		uint64_t now = now_usec(), left = deadline > now ? deadline - now : 0;
		struct timespec t = { .tv_sec = (time_t)(left / 1000000 > INT32_MAX ? INT32_MAX : left / 1000000),
				      .tv_nsec = (long)(left % 1000000) * 1000 };

		r = ppoll(&p, 1, &t, NULL);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r == 0 ? -ETIMEDOUT : 0;
}

int varlink_get_reply(struct varlink *v, json_object **ret_parameters, const char **ret_error)
{
	return message_parse_reply(v->buffer, v->size - 1, &v->reply, ret_parameters, ret_error);
}
