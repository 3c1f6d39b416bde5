/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * question.h and close-late.h without process or thread: an input does the same every time. This file is
 * linked in place of question.c and close-late.c.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "close-late.h"
#include "question.h"

struct question {
	LIST_ENTRY(question) entry;
	struct question **slot;
	pid_t number; /* instead of its process's */
	question_ask ask;
	struct nic_backend *backend;
	int fds[LEASE_QUEUES_MAX]; /* of its own, as a process has them */
	size_t n;
	sd_event_source *end;
};

static LIST_HEAD(, question) questions;
static pid_t last_number;

void close_late(int fd)
{
	close(fd);
}

static void question_free(struct question *q)
{
	LIST_REMOVE(q, entry);
	sd_event_source_disable_unref(q->end);
	for (size_t i = 0; i < q->n; i++)
		close(q->fds[i]);
	free(q);
}

/* Its process has ended. */
static int on_end(sd_event_source *s, void *userdata)
{
	struct question *q = userdata;

	*q->slot = NULL;
	question_free(q);
	return 0;
}

int question_new(sd_event *event, question_ask ask, struct nic_backend *backend, const int *fds,
		 size_t n, struct question **slot)
{
	struct question *q;

	assert(n <= LEASE_QUEUES_MAX);
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct question){ .slot = slot, .number = ++last_number, .ask = ask, .backend = backend };
	for (; q->n < n; q->n++) {
		q->fds[q->n] = fcntl(fds[q->n], F_DUPFD_CLOEXEC, 3);
		assert(q->fds[q->n] >= 0);
	}
	assert(sd_event_add_defer(event, &q->end, on_end, q) >= 0);
	assert(sd_event_source_set_enabled(q->end, SD_EVENT_OFF) >= 0);
	LIST_INSERT_HEAD(&questions, q, entry);
	*slot = q;
	return 0;
}

void question_abandon(struct question **slot)
{
	if (*slot)
		question_free(*slot);
	*slot = NULL;
}

int question_asking(const struct question *q, struct asking *ret)
{
	*ret = (struct asking){ .fd = open("/dev/null", O_RDONLY | O_CLOEXEC), .pid = q->number };
	assert(ret->fd >= 0);
	return 0;
}

void asking_done(struct asking *a)
{
	closep(&a->fd);
	a->fd = -EBADF;
}

static void go_on(void *userdata)
{
}

int asking_answer(const struct asking *a)
{
	struct question *q;
	int r;

	LIST_FOREACH(q, &questions, entry)
		if (q->number == a->pid)
			break;
	if (!q)
		return -EIO;
	r = q->ask(q->backend, q->fds, q->n, go_on, NULL);
	assert(sd_event_source_set_enabled(q->end, SD_EVENT_ONESHOT) >= 0);
	return r < 0 ? r : QUESTION_FREE;
}
