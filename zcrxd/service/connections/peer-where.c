/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See peer-where.h.
 *
 * The kernel opens a process's namespaces for who may read the process (ptrace, READ_FSCREDS), which
 * CAP_SYS_PTRACE allows over every process of the user namespaces below ours. It takes the process's
 * exec_update_lock for it, and so waits for as long as the process is in an execve(2), whose length is the
 * client's: the execve flushes what is closed by it, and a file system of the client's (FUSE) need not
 * answer. So somebody else asks: a child that shares our memory, which is cheap, but not our descriptors, and
 * is killed when it is seen to wait. It does raw system calls only, on a stack of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer-where.h"

/* linux/pidfd.h, Linux 6.11. The argument has to be 0. */
#define GET_NET_NAMESPACE  _IO(0xFF, 4)
#define GET_PID_NAMESPACE  _IO(0xFF, 5)
#define GET_USER_NAMESPACE _IO(0xFF, 9)

/* A user namespace has at most 32 above it. */
#define NESTED_MAX 33
#define STACK_SIZE 65536U
/* How long a client may make us wait: an execve that nobody holds up is over long before. */
#define PATIENCE_MSEC 40
/* A child that could run and does not is a busy machine's, within reason. */
#define PATIENCES_MAX 50

/* No sanitizer may take the child's stack for ours. */
#define CHILD __attribute__((no_sanitize("address", "undefined"))) static

struct question {
	int pidfd;
	uid_t uid;
	struct peer answer;
	int error; /* negative errno, if we lack something ourselves; 1: no answer yet */
};

/* Ours to report: everything else says something about the process. */
static bool is_lack(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM;
}

CHILD int sys_ioctl(int fd, unsigned long request, void *arg)
{
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

CHILD bool is_same(int a, int b)
{
	struct statx x, y;

	if (a < 0 || b < 0 || syscall(SYS_statx, a, "", AT_EMPTY_PATH, STATX_INO, &x) < 0 ||
	    syscall(SYS_statx, b, "", AT_EMPTY_PATH, STATX_INO, &y) < 0)
		return false;
	return x.stx_ino == y.stx_ino && x.stx_dev_major == y.stx_dev_major &&
	       x.stx_dev_minor == y.stx_dev_minor;
}

/*
 * Whether the uid is that of who made the user namespace, seen from ours: the outermost one below ours
 * counts, as who is inside can make further ones. Such a user is himself in there, while the other uids
 * of his namespace are as many as /etc/subuid gives him. Descriptors go with the child.
 */
CHILD int is_maker(int at, int ours, uid_t uid)
{
	for (int depth = 0; at >= 0 && depth < NESTED_MAX; depth++) {
		int parent = sys_ioctl(at, NS_GET_PARENT, NULL);
		uid_t maker;

		if (parent < 0)
			return is_lack(errno) ? -errno : 0;
		if (is_same(parent, ours))
			return sys_ioctl(at, NS_GET_OWNER_UID, &maker) == 0 && maker == uid;
		at = parent;
	}
	return 0;
}

CHILD int ask(void *userdata)
{
	static const unsigned long requests[] = {
		[NAMESPACE_NETWORK] = GET_NET_NAMESPACE,
		[NAMESPACE_USER] = GET_USER_NAMESPACE,
		[NAMESPACE_PROCESS] = GET_PID_NAMESPACE,
	};
	struct question *q = userdata;
	struct peer *p = &q->answer;
	int self = (int)syscall(SYS_pidfd_open, syscall(SYS_getpid), 0);
	int host = 1, maker = 1;

	if (self < 0)
		return q->error = -errno;
	for (int i = 0; i < _NAMESPACE_MAX; i++) {
		int ours = sys_ioctl(self, requests[i], NULL);
		int theirs = ours < 0 ? -1 : sys_ioctl(q->pidfd, requests[i], NULL);

		if ((ours < 0 || theirs < 0) && is_lack(errno))
			return q->error = -errno;
		p->foreign[i] = !is_same(ours, theirs);
		host &= !p->foreign[i];
		if (i == NAMESPACE_USER && p->foreign[i])
			maker = is_maker(theirs, ours, q->uid);
		if (maker < 0)
			return q->error = maker;
	}
	p->where = host ? WHERE_HOST : maker ? WHERE_CONTAINER : WHERE_ASSUMED;
	return q->error = 0;
}

/* Whether the child sleeps where only a kill reaches it. */
static bool is_stuck(pid_t child)
{
	char path[32], stat[512], *end;
	_cleanup_close_ int fd = -EBADF;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, stat, sizeof(stat) - 1);
	if (n < 0)
		return true;
	stat[n] = '\0';
	end = strrchr(stat, ')');
	return end && end[1] == ' ' && end[2] == 'D';
}

static void wait_for(pid_t child, int pidfd)
{
	struct pollfd over = { .fd = pidfd, .events = POLLIN };
	siginfo_t info;
	int r = 0;

	for (int i = 0; i < PATIENCES_MAX && r == 0; i++) {
		r = poll(&over, 1, PATIENCE_MSEC);
		if (r < 0 && errno == EINTR)
			r = 0;
		else if (r == 0 && is_stuck(child))
			break;
	}
	if (r <= 0)
		kill(child, SIGKILL);
	while (waitid(P_PID, (id_t)child, &info, WEXITED | __WALL) < 0 && errno == EINTR)
		;
}

int peer_read_where(int pidfd, struct peer *p)
{
	struct question q = { .pidfd = pidfd, .uid = p->uid, .error = 1 };
	_cleanup_close_ int child_fd = -EBADF;
	_cleanup_free_ char *stack = NULL;
	pid_t child;

	for (int i = 0; i < _NAMESPACE_MAX; i++)
		p->foreign[i] = true;
	p->where = WHERE_ASSUMED;
	if (pidfd < 0)
		return 0;
	stack = malloc(STACK_SIZE);
	if (!stack)
		return -ENOMEM;
	child = clone(ask, stack + STACK_SIZE, CLONE_VM | CLONE_PIDFD, &q, &child_fd);
	if (child < 0)
		return -errno;
	wait_for(child, child_fd);
	if (q.error != 0)
		return q.error < 0 ? q.error : 0;
	p->where = q.answer.where;
	memcpy(p->foreign, q.answer.foreign, sizeof(p->foreign));
	return 0;
}
