/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Queues between two threads: jobs to run, of either order, and jobs that have run. See worker.h; the thread's
 * own look is in worker-look.c.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "clock.h"
#include "loop.h"
#include "worker-internal.h"

#define SLICE_USEC 5000 /* that the loop gives to one worker in one turn */

static struct job_queue *worker_queue(struct worker *w)
{
	return &w->waiting[STAILQ_EMPTY(&w->waiting[JOB_RECLAIM]) ? JOB_IN_TURN : JOB_RECLAIM];
}

static struct job *worker_next(struct worker *w)
{
	struct job_queue *q;
	struct job *job;

	pthread_mutex_lock(&w->mutex);
	while (!(job = look_begin(w)) && STAILQ_EMPTY(worker_queue(w)) && !w->retired)
		look_wait(w);
	q = worker_queue(w);
	if (!job && (job = STAILQ_FIRST(q)))
		STAILQ_REMOVE_HEAD(q, entry);
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

/* False: there is nothing to report. */
static bool worker_run(struct worker *w, struct job *job)
{
	bool report;

	if (job->run) {
		job->run(w->nic, job->data);
		return true;
	}
	report = w->look.run(w->nic, job->data);
	pthread_mutex_lock(&w->mutex);
	report = look_end(w, report);
	pthread_mutex_unlock(&w->mutex);
	return report;
}

static void *worker_main(void *userdata)
{
	struct worker *w = userdata;
	struct job *job;

	atomic_store(&w->tid, gettid());
	while ((job = worker_next(w))) {
		atomic_fetch_add(&w->n_begun, 1);
		if (worker_run(w, job))
			worker_report(w, job);
	}
	worker_report(w, NULL);
	return NULL;
}

static void worker_free(struct worker *w)
{
	assert(STAILQ_EMPTY(worker_queue(w)) && STAILQ_EMPTY(&w->ran));
	if (w->listed)
		LIST_REMOVE(w, entry);
	sd_event_source_disable_unref(w->source);
	sd_event_source_disable_unref(w->watch);
	look_done(w);
	if (w->eventfd >= 0)
		close(w->eventfd);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->mutex);
	if (w->nic)
		w->nic->ops->close(w->nic);
	free(w);
}

static struct job *worker_take_report(struct worker *w, bool *ret_ended)
{
	struct job *job;

	pthread_mutex_lock(&w->mutex);
	job = STAILQ_FIRST(&w->ran);
	if (job)
		STAILQ_REMOVE_HEAD(&w->ran, entry);
	if (job && job == w->look.job)
		w->look.job = NULL;
	*ret_ended = w->ended;
	pthread_mutex_unlock(&w->mutex);
	return job;
}

/* ------------------------------------------------------------------------- standing still */

/* Looked at so often within the patience that there is. */
#define LOOKS 4

static bool thread_is_in_kernel(const struct worker *w)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(&w->tid));
	f = fopen(path, "re");
	return f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1 && state == 'D';
}

static unsigned worker_progress(const struct worker *w)
{
	return atomic_load(&w->n_begun) + (w->nic ? atomic_load(&w->nic->n_done) : 0);
}

static void worker_tell(struct worker *w, bool stands, bool in_kernel)
{
	w->stands = stands;
	w->report(stands, in_kernel, w->userdata);
}

static int on_watch(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct worker *w = userdata;
	unsigned now = worker_progress(w);
	bool in_kernel = thread_is_in_kernel(w);

	w->n_same = now == w->seen ? w->n_same + 1 : 0;
	w->seen = now;
	if (w->n_same == 0 && w->stands)
		worker_tell(w, false, false);
	/* Also if it comes out of the kernel only to stand somewhere else. */
	if (w->n_same >= LOOKS && (!w->stands || (w->was_in_kernel && !in_kernel)))
		worker_tell(w, true, in_kernel);
	w->was_in_kernel = in_kernel;
	(void)sd_event_source_set_time_relative(s, w->patience / LOOKS);
	return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

void worker_submitted(struct worker *w)
{
	if (w->n_outstanding++ > 0 || !w->watch)
		return;
	w->n_same = 0;
	w->seen = worker_progress(w);
	(void)sd_event_source_set_time_relative(w->watch, w->patience / LOOKS);
	(void)sd_event_source_set_enabled(w->watch, SD_EVENT_ONESHOT);
}

static void worker_reported(struct worker *w)
{
	if (--w->n_outstanding > 0 || !w->watch)
		return;
	(void)sd_event_source_set_enabled(w->watch, SD_EVENT_OFF);
	if (w->stands)
		worker_tell(w, false, false);
}

void worker_watch(struct worker *w, uint64_t patience_usec, worker_standstill report, void *userdata)
{
	int r;

	w->patience = patience_usec;
	w->report = report;
	w->userdata = userdata;
	r = sd_event_add_time(sd_event_source_get_event(w->source), &w->watch, CLOCK_MONOTONIC, 0, 0,
			      on_watch, w);
	if (r >= 0)
		r = sd_event_source_set_enabled(w->watch, SD_EVENT_OFF);
	if (r >= 0)
		loop_set_protection(w->watch);
	else
		w->watch = sd_event_source_disable_unref(w->watch);
}

/* ------------------------------------------------------------------------------ reporting */

/* True once the thread is about to return, and all that it ran is reported. Not so until then: what is
 * left when the time is over is reported in the next turn of the loop. */
static bool worker_reap(struct worker *w, uint64_t until)
{
	struct job *job;
	eventfd_t count;
	bool ended;

	(void)eventfd_read(w->eventfd, &count);
	while ((job = worker_take_report(w, &ended))) {
		if (job->counted)
			worker_reported(w);
		job->done(job->data); /* may retire w, never frees it */
		free(job);
		if (now_usec(CLOCK_MONOTONIC) >= until) {
			(void)eventfd_write(w->eventfd, 1);
			return false;
		}
	}
	return ended;
}

static void worker_end(struct worker *w)
{
	pthread_join(w->thread, NULL);
	(void)worker_reap(w, UINT64_MAX);
	worker_free(w);
}

static int on_report(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct worker *w = userdata;

	if (worker_reap(w, now_usec(CLOCK_MONOTONIC) + SLICE_USEC))
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
	pthread_condattr_t monotonic;
	struct worker *w;
	int r;

	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	w->look.late_fd = -EBADF;
	for (size_t i = 0; i < _JOB_ORDER_MAX; i++)
		STAILQ_INIT(&w->waiting[i]);
	STAILQ_INIT(&w->ran);
	w->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = w->eventfd < 0 ? -errno : 0;
	if (r == 0)
		r = sd_event_add_io(event, &w->source, w->eventfd, EPOLLIN, on_report, w);
	if (r >= 0)
		r = look_init(w, event);
	if (r >= 0)
		r = worker_start(w);
	if (r < 0) {
		worker_free(w);
		return r;
	}
	(void)sd_event_source_set_description(w->source, "worker");
	loop_set_protection(w->source);
	w->nic = nic;
	*ret = w;
	return 0;
}

int worker_submit(struct worker *w, enum job_order order, job_run run, job_done done, void *data)
{
	struct job *job;

	job = malloc(sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = (struct job){ .run = run, .done = done, .data = data, .counted = true };
	pthread_mutex_lock(&w->mutex);
	assert(!w->retired);
	STAILQ_INSERT_TAIL(&w->waiting[order], job, entry);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->mutex);
	worker_submitted(w);
	return 0;
}

void worker_retire(struct worker *w, struct worker_list *retired)
{
	if (!w)
		return;
	if (retired)
		LIST_INSERT_HEAD(retired, w, entry);
	w->listed = retired != NULL;
	pthread_mutex_lock(&w->mutex);
	assert(!w->look.job || w->look.due == 0);
	w->retired = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->mutex);
}

void worker_join(struct worker *w)
{
	if (!w)
		return;
	worker_retire(w, NULL);
	worker_end(w);
}

void workers_join(struct worker_list *retired)
{
	struct worker *w;

	while ((w = LIST_FIRST(retired)))
		worker_end(w);
}
