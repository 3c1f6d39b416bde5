/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process for each registration: no thread of ours can be parked in the client's ring, and whatever
 * the process mapped or opened goes with it. See registrar-process.h.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "disposable.h"
#include "log.h"
#include "registrar-process.h"

/* What the process says, in one datagram: the answer, then the strings of the fault, each with its
 * terminating zero. If an export was asked for and there is an ifq, a second one follows, with the export
 * or without: in between the client may hold the ring's lock, and then the ifq is known all the same. */
struct answer {
	int r;
	int error;
	struct ifq ifq;
};

#define ANSWER_TEXT_MAX 4096
static const char divide_word = 'd'; /* what is no request */
#define FDS_MAX		3 /* the client, its memory or an export, the epoll of rings */

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

static int send_fds(int socket, const void *data, size_t size, const int *fds, size_t n)
{
	union control control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
					      .cmsg_len = CMSG_LEN(n * sizeof(*fds)) } };
	struct iovec iov = { (void *)data, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n > 0) {
		memcpy(CMSG_DATA(&control.header), fds, n * sizeof(*fds));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n * sizeof(*fds));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Nothing here comes from a client: the number of descriptors is what the sender says. */
static ssize_t receive_fds(int socket, void *data, size_t size, int flags, int fds[FDS_MAX])
{
	union control control = {};
	struct iovec iov = { data, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	const struct cmsghdr *c;
	ssize_t n = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);

	for (size_t i = 0; i < FDS_MAX; i++)
		fds[i] = -EBADF;
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	return n;
}

/* ------------------------------------------------------------------------ the process */

static size_t put_string(char *text, size_t at, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (n > ANSWER_TEXT_MAX - at - 1)
		n = ANSWER_TEXT_MAX - at - 1;
	if (n > 0)
		memcpy(text + at, s, n);
	text[at + n] = '\0';
	return at + n + (at + n + 1 < ANSWER_TEXT_MAX);
}

static void answer_registration(int socket, int r, const struct ifq *ifq, const struct fault *fault)
{
	struct answer answer = { .r = r, .error = fault->error, .ifq = *ifq };
	char text[ANSWER_TEXT_MAX];
	struct iovec iov[] = { { &answer, sizeof(answer) }, { text, 0 } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
	size_t n = 0;

	n = put_string(text, n, fault->subject);
	n = put_string(text, n, fault->operation);
	n = put_string(text, n, fault->kernel_text);
	n = put_string(text, n, fault->message);
	iov[1].iov_len = n;
	(void)sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* The last word is said when the client's ring is closed here: whoever hears it may close the last one. */
static void answer_export(int socket, struct nic_backend *backend, int ring, uint32_t zcrx_id)
{
	int export = -EBADF, r = backend->ops->export_ifq(backend, ring, zcrx_id, &export);

	closep(&ring);
	(void)send_fds(socket, &r, sizeof(r), &export, r == 0);
}

/*
 * A fork whose child is the daemon's, too. As in fork(2), the C library knows the child by its own number, and the
 * kernel its locks: one that it holds when it is killed would never be free.
 */
static pid_t fork_beside(void)
{
	struct robust_list_head *locks = NULL;
	size_t size = 0;
	int *tid = NULL;
	pid_t pid;

	(void)prctl(PR_GET_TID_ADDRESS, &tid);
	(void)syscall(SYS_get_robust_list, 0, &locks, &size);
	pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0 && tid)
		*tid = (int)syscall(SYS_set_tid_address, tid);
	if (pid == 0 && locks)
		(void)syscall(SYS_set_robust_list, locks, size);
	return pid;
}

/* Another like itself, which is a child of the daemon's, too. It has one thread, and knows no client yet. */
static void divide(pid_t daemon, int *socket)
{
	int pair[2], pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		_exit(EXIT_FAILURE);
	pid = fork_beside();
	if (pid == 0) {
		*socket = pair[1];
		disposable_begin(daemon, REGISTRAR_NAME, socket, 1);
		return;
	}
	if (pid < 0 || send_fds(*socket, &pid, sizeof(pid), &pair[0], 1) < 0)
		_exit(EXIT_FAILURE);
	close(pair[0]);
	close(pair[1]);
}

static _Noreturn void process_main(const char *name, struct nic_backend *backend, pid_t daemon, int socket)
{
	struct fault fault = {};
	struct ifq_request request;
	struct ifq ifq = {};
	int fds[FDS_MAX], ring = -EBADF, r;
	ssize_t n;

	disposable_begin(daemon, name, &socket, 1);
	while ((n = receive_fds(socket, &request, sizeof(request), 0, fds)) == sizeof(divide_word))
		divide(daemon, &socket);
	if (n != sizeof(request))
		_exit(0); /* nobody needs it any more */
	request.pidfd = fds[0];
	request.area_fd = request.export_fd = fds[1];
	request.ring_epoll_fd = fds[2];
	r = backend->ops->register_ifq(backend, &request, &ifq, &ring, &fault);
	answer_registration(socket, r, &ifq, &fault);
	if (r == 0 && request.export)
		answer_export(socket, backend, ring, ifq.zcrx_id);
	_exit(0);
}

int registrar_process_new(const char *name, struct nic_backend *backend, pid_t *ret_pid, int *ret_fd)
{
	_cleanup_close_ int ours = -EBADF, its = -EBADF;
	pid_t daemon = getpid(), pid;
	int pair[2];

	/* Datagrams: each arrives whole or not at all. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	its = pair[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		process_main(name, backend, daemon, its);
	*ret_pid = pid;
	*ret_fd = TAKE_FD(ours);
	return 0;
}

/* ------------------------------------------------------------------------ from outside */

int registrar_process_divide(int fd)
{
	return send_fds(fd, &divide_word, sizeof(divide_word), NULL, 0);
}

int registrar_process_read_other(int fd, pid_t *ret_pid, int *ret_fd)
{
	int fds[FDS_MAX], pid;
	ssize_t n = receive_fds(fd, &pid, sizeof(pid), MSG_DONTWAIT, fds);

	if (n != sizeof(pid) || fds[0] < 0)
		return n == -EAGAIN ? -EAGAIN : -EIO;
	*ret_pid = pid;
	*ret_fd = fds[0];
	return 0;
}

int registrar_process_ask(int fd, const struct ifq_request *request)
{
	const int fds[FDS_MAX] = { request->pidfd, request->shares ? request->export_fd : request->area_fd,
				   request->ring_epoll_fd };

	return send_fds(fd, request, sizeof(*request), fds, request->ring_epoll_fd < 0 ? FDS_MAX - 1 : FDS_MAX);
}

static char *take_string(const char **p, const char *end)
{
	size_t n = *p < end ? strnlen(*p, (size_t)(end - *p)) : 0;
	char *s = n > 0 ? strndup(*p, n) : NULL;

	*p += n + (*p + n < end);
	return s;
}

int registrar_process_read(int fd, struct registrar_answer *ret)
{
	struct answer answer;
	char text[ANSWER_TEXT_MAX];
	const char *p = text, *end;
	struct iovec iov[] = { { &answer, sizeof(answer) }, { text, sizeof(text) } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
	ssize_t n;

	n = recvmsg(fd, &message, MSG_DONTWAIT);
	if (n < (ssize_t)sizeof(answer))
		return n < 0 && errno == EAGAIN ? -EAGAIN : -EIO;
	end = text + n - sizeof(answer);
	*ret = (struct registrar_answer){ .r = answer.r, .ifq = answer.ifq };
	if (answer.r <= 0)
		return 0;
	ret->fault.kind = (enum zcrx_error)answer.r;
	ret->fault.error = answer.error;
	ret->fault.subject = take_string(&p, end);
	ret->fault.operation = take_string(&p, end);
	ret->fault.kernel_text = take_string(&p, end);
	ret->fault.message = take_string(&p, end);
	return 0;
}

int registrar_process_read_export(int fd, int *ret)
{
	int fds[FDS_MAX], r;
	ssize_t n = receive_fds(fd, &r, sizeof(r), MSG_DONTWAIT, fds);

	*ret = fds[0];
	if (n != sizeof(r))
		return n == -EAGAIN ? -EAGAIN : -EIO;
	if (r < 0)
		log_errno(r, "An interface queue cannot be exported");
	return 0;
}
