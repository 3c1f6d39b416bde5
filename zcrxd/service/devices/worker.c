/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two queues between two threads: jobs to run, jobs that have run. See worker.h.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

#include "worker.h"

struct job {
	STAILQ_ENTRY(job) entry;
	job_run run;
	job_done done;
	void *data;
};

STAILQ_HEAD(job_queue, job);

struct worker {
	struct nic *nic;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards everything up to `ended` */
	pthread_cond_t wake;
	struct job_queue waiting, ran;
	bool retired; /* no further job comes */
	bool ended;   /* the thread is about to return */
	int eventfd;  /* the thread's word to the loop: look at `ran` and `ended` */
	sd_event_source *source;
};

static struct job *worker_next(struct worker *w)
{
	struct job *job;

	pthread_mutex_lock(&w->mutex);
	while (STAILQ_EMPTY(&w->waiting) && !w->retired)
		pthread_cond_wait(&w->wake, &w->mutex);
	job = STAILQ_FIRST(&w->waiting);
	if (job)
		STAILQ_REMOVE_HEAD(&w->waiting, entry);
	pthread_mutex_unlock(&w->mutex);
	return job;
}

/* job == NULL: the thread has nothing more to do. */
static void worker_report(struct worker *w, struct job *job)
{
	pthread_mutex_lock(&w->mutex);
	if (job)
		STAILQ_INSERT_TAIL(&w->ran, job, entry);
	else
		w->ended = true;
	(void)eventfd_write(w->eventfd, 1);
	pthread_mutex_unlock(&w->mutex);
}

static void *worker_main(void *userdata)
{
	struct worker *w = userdata;
	struct job *job;

	while ((job = worker_next(w))) {
		job->run(w->nic, job->data);
		worker_report(w, job);
	}
	worker_report(w, NULL);
	return NULL;
}

static void worker_free(struct worker *w)
{
	assert(STAILQ_EMPTY(&w->waiting) && STAILQ_EMPTY(&w->ran));
	sd_event_source_disable_unref(w->source);
	if (w->eventfd >= 0)
		close(w->eventfd);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->mutex);
	if (w->nic)
		w->nic->ops->close(w->nic);
	free(w);
}

/* True once the thread is about to return, and all that it ran is reported. */
static bool worker_reap(struct worker *w)
{
	struct job_queue ran;
	struct job *job;
	eventfd_t count;
	bool ended;

	(void)eventfd_read(w->eventfd, &count);
	STAILQ_INIT(&ran);
	pthread_mutex_lock(&w->mutex);
	STAILQ_CONCAT(&ran, &w->ran);
	ended = w->ended;
	pthread_mutex_unlock(&w->mutex);

	while ((job = STAILQ_FIRST(&ran))) {
		STAILQ_REMOVE_HEAD(&ran, entry);
		job->done(job->data); /* may retire w, never frees it */
		free(job);
	}
	return ended;
}

static void worker_end(struct worker *w)
{
	pthread_join(w->thread, NULL);
	(void)worker_reap(w);
	worker_free(w);
}

static int on_report(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct worker *w = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	if (worker_reap(w))
		worker_end(w);
	return 0;
}

static int worker_start(struct worker *w)
{
	sigset_t all, before;
	int r;

	/* Signals are the loop's (signalfd): a thread that takes one would lose it. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int worker_new(sd_event *event, struct nic *nic, struct worker **ret)
{
	struct worker *w;
	int r;

	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->wake, NULL);
	STAILQ_INIT(&w->waiting);
	STAILQ_INIT(&w->ran);
	w->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = w->eventfd < 0 ? -errno : 0;
	if (r == 0)
		r = sd_event_add_io(event, &w->source, w->eventfd, EPOLLIN, on_report, w);
	if (r >= 0)
		r = worker_start(w);
	if (r < 0) {
		worker_free(w);
		return r;
	}
	(void)sd_event_source_set_description(w->source, "worker");
	w->nic = nic;
	*ret = w;
	return 0;
}

int worker_submit(struct worker *w, job_run run, job_done done, void *data)
{
	struct job *job;

	job = malloc(sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = (struct job){ .run = run, .done = done, .data = data };
	pthread_mutex_lock(&w->mutex);
	assert(!w->retired);
	STAILQ_INSERT_TAIL(&w->waiting, job, entry);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->mutex);
	return 0;
}

void worker_retire(struct worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->mutex);
	w->retired = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->mutex);
}

void worker_join(struct worker *w)
{
	if (!w)
		return;
	worker_retire(w);
	worker_end(w);
}
