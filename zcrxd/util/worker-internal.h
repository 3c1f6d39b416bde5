/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What worker.c (jobs) and worker-look.c (the thread's own look) share.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "worker.h"

struct job {
	STAILQ_ENTRY(job) entry;
	job_run run;
	job_done done;
	void *data;
	bool counted; /* among those that the loop waits for */
};

STAILQ_HEAD(job_queue, job);

/* Of the thread's own: `job` is NULL if there is none, and in no queue while it rests. */
struct look {
	struct job *job;
	job_look run;
	uint64_t period;
	uint64_t due; /* CLOCK_MONOTONIC; 0: it does not rest, but runs, or is about to be reported */
	bool ended;   /* it is to be reported, whatever it found */
	int late_fd;  /* a timer of the kernel's, which the thread puts off */

	/* The loop's. */
	job_late late;
	sd_event_source *late_source;
};

struct worker {
	struct nic *nic;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards everything up to `look` */
	pthread_cond_t wake;
	struct job_queue waiting[_JOB_ORDER_MAX], ran;
	bool retired; /* no further job comes */
	bool ended;   /* the thread is about to return */
	struct look look;
	int eventfd;  /* the thread's word to the loop: look at `ran` and `ended` */
	sd_event_source *source;

	/* The rest is the loop's, but for what is atomic. */
	atomic_int tid;
	atomic_uint n_begun;	/* jobs */
	unsigned n_outstanding; /* submitted, and not yet reported */
	sd_event_source *watch;
	uint64_t patience;
	worker_standstill report;
	void *userdata;
	unsigned seen;	     /* the sum of all progress, as it was when it was looked at last */
	unsigned n_same;     /* how often in a row */
	bool was_in_kernel, stands;
	bool listed; /* among the retired ones */
	LIST_ENTRY(worker) entry;
};

/* ---- worker.c, on the loop */
/* A job that the loop waits for: it has to get on. */
void worker_submitted(struct worker *w);

/* ---- worker-look.c, on the thread and with the mutex held */
/* The look, if it is due, and has begun; NULL. */
struct job *look_begin(struct worker *w);
/* It has run; false: it rests again. */
bool look_end(struct worker *w, bool news);
/* Until it is due, or something else is to be done. */
void look_wait(struct worker *w);
/* ---- on the loop */
int look_init(struct worker *w, sd_event *event);
void look_done(struct worker *w);
