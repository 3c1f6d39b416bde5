/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.h and registrar.h without thread or process: what would happen elsewhere happens in a turn
 * of the loop, one step a turn. This file is linked in place of worker.c and registrar.c.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/queue.h>

#include "registrar.h"
#include "stage.h"
#include "worker.h"

static unsigned held;

/* ------------------------------------------------------------------------------ workers */

struct job {
	STAILQ_ENTRY(job) entry;
	job_run run;
	job_done done;
	void *data;
};
STAILQ_HEAD(job_queue, job);

struct worker {
	LIST_ENTRY(worker) entry;
	struct nic *nic;
	struct job_queue waiting[_JOB_ORDER_MAX], ran;
	bool retired;
	sd_event_source *turn;

	job_look look; /* NULL: there is none */
	struct job *look_job;
	uint64_t period;
	sd_event_source *look_timer;
};

static LIST_HEAD(, worker) workers;

static const struct job_queue *worker_queue(const struct worker *w)
{
	return &w->waiting[STAILQ_EMPTY(&w->waiting[JOB_RECLAIM]) ? JOB_IN_TURN : JOB_RECLAIM];
}

static bool worker_may_run(const struct worker *w)
{
	return !(held & HOLD_RUN) && !STAILQ_EMPTY(worker_queue(w));
}

static bool worker_may_report(const struct worker *w)
{
	return !(held & HOLD_REPORT) && !STAILQ_EMPTY(&w->ran);
}

static bool worker_may_end(const struct worker *w)
{
	return w->retired && STAILQ_EMPTY(worker_queue(w)) && STAILQ_EMPTY(&w->ran);
}

static void worker_arm(struct worker *w)
{
	bool on = worker_may_run(w) || worker_may_report(w) || worker_may_end(w);

	assert(sd_event_source_set_enabled(w->turn, on ? SD_EVENT_ONESHOT : SD_EVENT_OFF) >= 0);
}

static void worker_run_one(struct worker *w)
{
	struct job_queue *q = (struct job_queue *)worker_queue(w);
	struct job *job = STAILQ_FIRST(q);

	STAILQ_REMOVE_HEAD(q, entry);
	job->run(w->nic, job->data);
	STAILQ_INSERT_TAIL(&w->ran, job, entry);
}

static void worker_report_one(struct worker *w)
{
	struct job *job = STAILQ_FIRST(&w->ran);

	STAILQ_REMOVE_HEAD(&w->ran, entry);
	job->done(job->data);
	free(job);
}

static void worker_free(struct worker *w)
{
	assert(!w->look);
	LIST_REMOVE(w, entry);
	sd_event_source_disable_unref(w->turn);
	sd_event_source_disable_unref(w->look_timer);
	if (w->nic)
		w->nic->ops->close(w->nic);
	free(w);
}

static int on_turn(sd_event_source *s, void *userdata)
{
	struct worker *w = userdata;

	if (worker_may_run(w))
		worker_run_one(w);
	else if (worker_may_report(w))
		worker_report_one(w);
	else if (worker_may_end(w)) {
		worker_free(w);
		return 0;
	}
	worker_arm(w);
	return 0;
}

int worker_new(sd_event *event, struct nic *nic, struct worker **ret)
{
	struct worker *w;

	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	for (size_t i = 0; i < _JOB_ORDER_MAX; i++)
		STAILQ_INIT(&w->waiting[i]);
	STAILQ_INIT(&w->ran);
	LIST_INSERT_HEAD(&workers, w, entry);
	assert(sd_event_add_defer(event, &w->turn, on_turn, w) >= 0);
	worker_arm(w);
	w->nic = nic;
	*ret = w;
	return 0;
}

void worker_watch(struct worker *w, uint64_t patience_usec, worker_standstill report, void *userdata)
{
	(void)w; /* without a thread nothing stands */
}

int worker_submit(struct worker *w, enum job_order order, job_run run, job_done done, void *data)
{
	struct job *job;

	assert(!w->retired);
	job = malloc(sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = (struct job){ .run = run, .done = done, .data = data };
	STAILQ_INSERT_TAIL(&w->waiting[order], job, entry);
	worker_arm(w);
	return 0;
}

/* ---- the thread's own look: a turn of its own, each time */

static void look_again(struct worker *w)
{
	assert(sd_event_source_set_time_relative(w->look_timer, w->period) >= 0);
	assert(sd_event_source_set_enabled(w->look_timer, SD_EVENT_ONESHOT) >= 0);
}

static int on_look(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct worker *w = userdata;

	if (held & HOLD_RUN || !w->look(w->nic, w->look_job->data)) {
		look_again(w);
		return 0;
	}
	STAILQ_INSERT_TAIL(&w->ran, w->look_job, entry);
	w->look = NULL;
	worker_arm(w);
	return 0;
}

int worker_look(struct worker *w, uint64_t period_usec, job_look look, job_done done, job_late late, void *data)
{
	(void)late; /* nothing else has the thread */
	assert(!w->retired && !w->look);
	w->look_job = malloc(sizeof(*w->look_job));
	if (!w->look_job)
		return -ENOMEM;
	*w->look_job = (struct job){ .done = done, .data = data };
	w->look = look;
	w->period = period_usec;
	if (!w->look_timer)
		assert(sd_event_add_time(sd_event_source_get_event(w->turn), &w->look_timer, CLOCK_MONOTONIC, 0, 0,
					 on_look, w) >= 0);
	look_again(w);
	return 0;
}

bool worker_look_end(struct worker *w)
{
	if (!w->look)
		return false; /* it waits to be reported */
	w->look = NULL;
	free(w->look_job);
	assert(sd_event_source_set_enabled(w->look_timer, SD_EVENT_OFF) >= 0);
	return true;
}

void worker_retire(struct worker *w, struct worker_list *retired)
{
	if (!w)
		return;
	w->retired = true;
	worker_arm(w);
}

void workers_join(struct worker_list *retired)
{
	/* They are among the others here. */
}

void worker_join(struct worker *w)
{
	if (!w)
		return;
	w->retired = true;
	while (!STAILQ_EMPTY(worker_queue(w)))
		worker_run_one(w);
	while (!STAILQ_EMPTY(&w->ran))
		worker_report_one(w);
	worker_free(w);
}

/* ------------------------------------------------------------------------ registrations */

struct registrar {
	LIST_ENTRY(registrar) entry;
	struct nic_backend *backend;
	struct ifq_request request; /* with descriptors of its own, as a process has them */
	sd_event_source *turn, *deadline;
	registrar_done done;
	void *userdata;
};

static LIST_HEAD(, registrar) registrars;

static void registrar_end(struct registrar *g, int r, const struct ifq *ifq, int export_fd,
			  struct fault *fault)
{
	LIST_REMOVE(g, entry);
	sd_event_source_disable_unref(g->turn);
	sd_event_source_disable_unref(g->deadline);
	close(g->request.pidfd);
	close(g->request.shares ? g->request.export_fd : g->request.area_fd);
	g->done(r, ifq, export_fd, fault, g->userdata);
	fault_done(fault);
	free(g);
}

static int on_registrar(sd_event_source *s, void *userdata)
{
	struct registrar *g = userdata;
	struct fault fault = {};
	int ring = -EBADF, export_fd = -EBADF, r;
	struct ifq ifq = {};

	r = g->backend->ops->register_ifq(g->backend, &g->request, &ifq, &ring, &fault);
	if (r == 0 && g->request.export)
		(void)g->backend->ops->export_ifq(g->backend, ring, ifq.zcrx_id, &export_fd);
	closep(&ring);
	registrar_end(g, r, &ifq, export_fd, &fault);
	return 0;
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct fault fault = {};
	struct ifq ifq = {};
	int r;

	r = fault_set(&fault, ZCRX_INVALID_RING, NULL, "The ring's lock was not free.");
	registrar_end(userdata, r, &ifq, -EBADF, &fault);
	return 0;
}

void registrars_free(struct leases *leases)
{
}

void registrar_expect(struct leases *leases)
{
}

void registrars_unused(struct leases *leases)
{
}

int registrar_start(struct leases *leases, const struct ifq_request *request,
		    registrar_excused excused, registrar_done done, void *userdata,
		    struct fault *reterr)
{
	struct nic_backend *backend = leases->backend;
	sd_event *event = leases->loop->event;
	struct registrar *g;

	(void)excused; /* no driver is slow here */
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	*g = (struct registrar){ .backend = backend, .request = *request, .done = done,
				 .userdata = userdata };
	g->request.pidfd = fcntl(request->pidfd, F_DUPFD_CLOEXEC, 3);
	if (request->shares)
		g->request.export_fd = fcntl(request->export_fd, F_DUPFD_CLOEXEC, 3);
	else
		g->request.area_fd = fcntl(request->area_fd, F_DUPFD_CLOEXEC, 3);
	assert(g->request.pidfd >= 0 &&
	       (request->shares ? g->request.export_fd : g->request.area_fd) >= 0);
	LIST_INSERT_HEAD(&registrars, g, entry);
	assert(sd_event_add_defer(event, &g->turn, on_registrar, g) >= 0);
	assert(sd_event_source_set_enabled(g->turn, held & HOLD_RING ? SD_EVENT_OFF
								     : SD_EVENT_ONESHOT) >= 0);
	assert(sd_event_add_time_relative(event, &g->deadline, CLOCK_MONOTONIC,
					  REGISTRAR_DEADLINE_USEC, 0, on_deadline, g) >= 0);
	return 0;
}

void stage_set_hold(unsigned holds)
{
	struct registrar *g;
	struct worker *w;

	held = holds;
	LIST_FOREACH(w, &workers, entry)
		worker_arm(w);
	LIST_FOREACH(g, &registrars, entry)
		(void)sd_event_source_set_enabled(g->turn, holds & HOLD_RING ? SD_EVENT_OFF
									     : SD_EVENT_ONESHOT);
}
