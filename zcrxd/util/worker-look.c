/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The look that a worker's thread takes by itself. That it does is seen by a timer of the kernel's, which the thread puts
 * off each time: it wakes the loop only when that has to see to things itself.
 */
#include <assert.h>
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"
#include "loop.h"
#include "worker-internal.h"

static struct timespec to_timespec(uint64_t usec)
{
	return (struct timespec){ .tv_sec = (time_t)(usec / 1000000), .tv_nsec = (long)(usec % 1000000) * 1000 };
}

/* 0: never. */
static void put_off(struct look *k, uint64_t until)
{
	const struct itimerspec t = { .it_value = to_timespec(until) };

	(void)timerfd_settime(k->late_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

static void rest(struct look *k)
{
	k->due = now_usec(CLOCK_MONOTONIC) + k->period;
	put_off(k, k->due + LOOK_LATE_USEC);
}

/* -------------------------------------------------------------------------- on the thread */

struct job *look_begin(struct worker *w)
{
	struct look *k = &w->look;
	uint64_t now;

	if (!k->job || k->due == 0)
		return NULL;
	now = now_usec(CLOCK_MONOTONIC);
	if (now < k->due)
		return NULL;
	k->due = 0;
	put_off(k, now + k->period);
	return k->job;
}

bool look_end(struct worker *w, bool news)
{
	struct look *k = &w->look;

	if (news || k->ended || w->retired) {
		put_off(k, 0);
		return true;
	}
	rest(k);
	return false;
}

void look_wait(struct worker *w)
{
	struct timespec due = to_timespec(w->look.due);

	if (w->look.job && w->look.due > 0)
		pthread_cond_timedwait(&w->wake, &w->mutex, &due);
	else
		pthread_cond_wait(&w->wake, &w->mutex);
}

/* ---------------------------------------------------------------------------- on the loop */

static int on_late(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct worker *w = userdata;
	struct look *k = &w->look;
	void *data = NULL;
	uint64_t times;

	/* It may have been put off meanwhile. */
	if (read(fd, &times, sizeof(times)) < 0)
		return 0;
	pthread_mutex_lock(&w->mutex);
	if (k->job && !k->ended)
		data = k->job->data;
	pthread_mutex_unlock(&w->mutex);
	if (data)
		k->late(data);
	return 0;
}

int look_init(struct worker *w, sd_event *event)
{
	struct look *k = &w->look;
	int r;

	k->late_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (k->late_fd < 0)
		return -errno;
	r = sd_event_add_io(event, &k->late_source, k->late_fd, EPOLLIN, on_late, w);
	if (r < 0)
		return r;
	(void)sd_event_source_set_description(k->late_source, "late look");
	loop_set_protection(k->late_source);
	return 0;
}

void look_done(struct worker *w)
{
	assert(!w->look.job);
	sd_event_source_disable_unref(w->look.late_source);
	if (w->look.late_fd >= 0)
		close(w->look.late_fd);
}

int worker_look(struct worker *w, uint64_t period_usec, job_look look, job_done done, job_late late, void *data)
{
	struct look *k = &w->look;
	struct job *job;

	job = malloc(sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = (struct job){ .done = done, .data = data };
	pthread_mutex_lock(&w->mutex);
	assert(!w->retired && !k->job);
	k->job = job;
	k->run = look;
	k->period = period_usec;
	k->late = late;
	k->ended = false;
	rest(k);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->mutex);
	return 0;
}

bool worker_look_end(struct worker *w)
{
	struct look *k = &w->look;
	struct job *rested = NULL;

	pthread_mutex_lock(&w->mutex);
	assert(k->job && !k->ended);
	if (k->due > 0) {
		rested = k->job;
		k->job = NULL;
		k->due = 0;
		put_off(k, 0);
	} else {
		k->ended = true;
		k->job->counted = true;
	}
	pthread_mutex_unlock(&w->mutex);
	free(rested);
	if (!rested)
		worker_submitted(w);
	return rested != NULL;
}
