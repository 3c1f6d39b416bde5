/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * close(2) asks the file's own file system (flush), and one that a client serves (FUSE) may never
 * answer: whoever closes the file then waits out of reach of every signal. So the event loop may
 * not close such a file, and no process may be forked that has it, because its end closes it.
 *
 * sd-varlink receives descriptors and closes them by itself, some before anybody hears of them (those
 * that come in the middle of a message). The one place that all of them pass is recvmsg(2), which
 * is replaced here: a program's own definition goes before the C library's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "admit.h"
#include "macro.h"

#define DMABUF_NAME "/dmabuf:"
#define HANDOVER_TURNS 10000

/* A descriptor on its way out, on a thread of its own. */
struct closing {
	LIST_ENTRY(closing) entry;
	uid_t uid; /* who sent it */
	int fd;
};

static LIST_HEAD(, closing) all_closing = LIST_HEAD_INITIALIZER(all_closing);
static int stand_in = -EBADF; /* /dev/null */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards all_closing */

int admit_setup(void)
{
	if (stand_in < 0)
		stand_in = open("/dev/null", O_RDWR | O_CLOEXEC);
	return stand_in < 0 ? -errno : 0;
}

static void *closing_main(void *userdata)
{
	struct closing *c = userdata;

	(void)close(c->fd);
	pthread_mutex_lock(&mutex);
	LIST_REMOVE(c, entry);
	pthread_mutex_unlock(&mutex);
	free(c);
	return NULL;
}

static unsigned count_closing(uid_t uid)
{
	struct closing *c;
	unsigned n = 0;

	pthread_mutex_lock(&mutex);
	LIST_FOREACH(c, &all_closing, entry)
		n += c->uid == uid;
	pthread_mutex_unlock(&mutex);
	return n;
}

static int start_thread(struct closing *c)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	/* Signals are the loop's (signalfd): a thread that takes one would lose it. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attr, closing_main, c);
	(void)pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

/* Returns when the descriptor is out of the table, where a process that is forked would find it: the
 * first thing that close(2) does. (Unless another thread gets its number at that moment: then a
 * little later.) Without memory for a thread it stays open, which harms nobody but us. */
static void close_elsewhere(int fd, uid_t uid)
{
	struct closing *c = malloc(sizeof(*c));

	if (!c)
		return;
	*c = (struct closing){ .uid = uid, .fd = fd };
	pthread_mutex_lock(&mutex);
	LIST_INSERT_HEAD(&all_closing, c, entry);
	pthread_mutex_unlock(&mutex);
	if (start_thread(c) < 0)
		return; /* on the list: a user with many of these gets no more in */
	for (unsigned i = 0; i < HANDOVER_TURNS && fcntl(fd, F_GETFD) >= 0; i++)
		(void)sched_yield();
}

/* A file of the client's that bears the name has a type, which anonymous inodes have not. Nothing
 * of this asks a file's own file system. */
static bool is_dmabuf(int fd)
{
	char path[64], name[sizeof(DMABUF_NAME)];
	struct statx st;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, name, sizeof(name)) >= (ssize_t)strlen(DMABUF_NAME) &&
	       memcmp(name, DMABUF_NAME, strlen(DMABUF_NAME)) == 0 &&
	       statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 &&
	       (st.stx_mode & S_IFMT) == 0;
}

static bool is_harmless(int fd)
{
	socklen_t size = sizeof(int);
	int domain;

	/* Only memory has seals, and only sockets have a domain. */
	return fcntl(fd, F_GET_SEALS) >= 0 ||
	       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 || is_dmabuf(fd);
}

static void replace(int *fd, uid_t uid)
{
	if (is_harmless(*fd))
		return;
	close_elsewhere(*fd, uid);
	*fd = fcntl(stand_in, F_DUPFD_CLOEXEC, 3); /* -1 if that fails is of no use to anybody, too */
}

static void replace_all(struct msghdr *message, uid_t uid)
{
	struct cmsghdr *c;
	int fds[ADMIT_FDS_MAX];
	size_t n;

	for (c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(*fds);
		memcpy(fds, CMSG_DATA(c), n * sizeof(*fds));
		for (size_t i = 0; i < n; i++)
			replace(&fds[i], uid);
		memcpy(CMSG_DATA(c), fds, n * sizeof(*fds));
	}
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);
	ssize_t n;

	if (message->msg_controllen > CMSG_SPACE(ADMIT_FDS_MAX * sizeof(int)))
		message->msg_controllen = CMSG_SPACE(ADMIT_FDS_MAX * sizeof(int));
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	/* What there is no room for, the kernel lets go of without asking anybody. */
	if (count_closing(peer.uid) >= ADMIT_FDS_MAX)
		message->msg_controllen = 0;
	n = syscall(SYS_recvmsg, fd, message, flags);
	if (n >= 0)
		replace_all(message, peer.uid);
	return n;
}
