/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See question.h. The process gets everything ready, waits for our word, asks, and says that it is
 * through; from then to the deletion nothing else is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "disposable.h"
#include "question.h"

#define ANSWER_MSEC  200
#define ANSWER_TRIES 25 /* 5 s, for a process that is not run */

struct question {
	struct question **slot;
	pid_t pid;
	int fd;
	sd_event_source *child;
};

static struct question *question_free(struct question *q)
{
	if (!q)
		return NULL;
	sd_event_source_disable_unref(q->child);
	closep(&q->fd);
	free(q);
	return NULL;
}
DEFINE_CLEANUP(struct question *, question_free)

/* ---------------------------------------------------------------------- the process */

static void wait_for_word(void *userdata)
{
	char word;

	if (recv(*(int *)userdata, &word, sizeof(word), 0) != sizeof(word))
		_exit(0); /* nobody asks any more */
}

_Noreturn static void child_main(question_ask ask, struct nic_backend *backend, const int *asked,
				 size_t n, pid_t daemon, int fd)
{
	int fds[LEASE_QUEUES_MAX + 1], r;

	memcpy(fds, asked, n * sizeof(*fds));
	fds[n] = fd;
	disposable_begin(daemon, "zcrxd-question", fds, n + 1);
	r = ask(backend, asked, n, wait_for_word, &fd);
	(void)send(fd, &r, sizeof(r), MSG_NOSIGNAL);
	_exit(0);
}

static int on_child(sd_event_source *s, const siginfo_t *si, void *userdata)
{
	struct question *q = userdata;

	if (!q) { /* abandoned */
		(void)sd_event_source_set_floating(s, false);
		return 0;
	}
	*q->slot = NULL;
	question_free(q);
	return 0;
}

static int question_fork(struct question *q, question_ask ask, struct nic_backend *backend,
			 const int *fds, size_t n)
{
	_cleanup_close_ int child_end = -EBADF;
	pid_t daemon = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	q->fd = pair[0];
	child_end = pair[1];
	q->pid = fork();
	if (q->pid < 0)
		return -errno;
	if (q->pid == 0)
		child_main(ask, backend, fds, n, daemon, child_end);
	return 0;
}

int question_new(sd_event *event, question_ask ask, struct nic_backend *backend, const int *fds,
		 size_t n, struct question **slot)
{
	_cleanup_(question_freep) struct question *q = NULL;
	int r;

	if (n > LEASE_QUEUES_MAX)
		return -EINVAL;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct question){ .slot = slot, .fd = -EBADF };
	r = question_fork(q, ask, backend, fds, n);
	if (r < 0)
		return r;
	r = sd_event_add_child(event, &q->child, q->pid, WEXITED, on_child, q);
	if (r < 0) { /* it has asked nothing yet, so that it can be ended */
		kill(q->pid, SIGKILL);
		waitpid(q->pid, NULL, 0);
		return r;
	}
	*slot = TAKE_PTR(q);
	return 0;
}

void question_abandon(struct question **slot)
{
	struct question *q = TAKE_PTR(*slot);

	if (!q)
		return;
	(void)sd_event_source_set_floating(q->child, true);
	(void)sd_event_source_set_userdata(q->child, NULL);
	sd_event_source_unref(TAKE_PTR(q->child));
	question_free(q);
}

/* ---------------------------------------------------------------------- the asking */

int question_asking(const struct question *q, struct asking *ret)
{
	int fd = fcntl(q->fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return -errno;
	*ret = (struct asking){ .fd = fd, .pid = q->pid };
	return 0;
}

void asking_done(struct asking *a)
{
	closep(&a->fd);
	a->fd = -EBADF;
}

/* Not waiting for its turn on a processor, and not gone. */
static bool is_asleep(pid_t pid)
{
	char path[64], text[512], *state;
	_cleanup_close_ int fd = -EBADF;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return true; /* as far as we know */
	text[n] = '\0';
	state = strrchr(text, ')');
	return !state || strncmp(state, ") R", 3) != 0;
}

int asking_answer(const struct asking *a)
{
	struct pollfd p = { .fd = a->fd, .events = POLLIN };
	int answer;

	if (send(a->fd, "", 1, MSG_NOSIGNAL) < 0)
		return -errno;
	for (unsigned i = 0; i < ANSWER_TRIES; i++) {
		if (poll(&p, 1, ANSWER_MSEC) <= 0) {
			if (is_asleep(a->pid))
				return QUESTION_HELD;
			continue;
		}
		if (recv(a->fd, &answer, sizeof(answer), MSG_DONTWAIT) != sizeof(answer))
			return -EIO;
		return answer < 0 ? answer : QUESTION_FREE;
	}
	return -ETIMEDOUT;
}
