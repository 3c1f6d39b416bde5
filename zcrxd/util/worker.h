/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread of one interface: kernel calls that may take seconds run here, one at a time, so that the
 * event loop never waits for a driver. What takes something back (JOB_RECLAIM) runs before everything
 * else that waits; within each of the two, jobs run in the order in which they were submitted.
 *
 * A job's `run` sees the nic and its own data and nothing else of the daemon; its `done` runs on the
 * loop, and is where results become state.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include <systemd/sd-event.h>

#include "nic.h"

struct worker;
LIST_HEAD(worker_list, worker);

enum job_order {
	JOB_IN_TURN,
	JOB_RECLAIM,
	_JOB_ORDER_MAX,
};

typedef void (*job_run)(struct nic *nic, void *data);
typedef void (*job_done)(void *data);

/* Takes over `nic` on success. */
int worker_new(sd_event *event, struct nic *nic, struct worker **ret);

/* Called on the loop when a job has made no progress (nic_progress) for so long, and again when it has: a
 * driver may need seconds for one call, but no call of the kernel's is known to need this. `in_kernel`: it
 * waits there for something that no signal interrupts, so that ending the process would not end it. */
#define WORKER_PATIENCE_USEC 10000000ULL
typedef void (*worker_standstill)(bool stands, bool in_kernel, void *userdata);
/* Once, before the first job. */
void worker_watch(struct worker *w, uint64_t patience_usec, worker_standstill report, void *userdata);

/* `done` is called exactly once, unless -ENOMEM was returned. */
int worker_submit(struct worker *w, enum job_order order, job_run run, job_done done, void *data)
	_must_check_;

/*
 * A look that the thread takes by itself, first in `period` from now on and then again each time as long after the last,
 * as long as that tells nothing new: nobody else wakes up meanwhile. A worker has one at most. Once `look` returns true,
 * it is over, and `done` is called, on the loop. `late` is called there, and may end it, if a look has not begun within
 * LOOK_LATE_USEC of its time, or not ended within a period: the thread does something else, or stands in the kernel.
 */
#define LOOK_LATE_USEC 250000ULL
typedef bool (*job_look)(struct nic *nic, void *data);
typedef void (*job_late)(void *data);
int worker_look(struct worker *w, uint64_t period_usec, job_look look, job_done done, job_late late, void *data)
	_must_check_;
/* Before the worker is retired. True: the thread is not at it, and does not touch `data` any more; no `done` is called.
 * False: it runs, or is over already, and `done` is called whatever it found. Only once, while there is one. */
bool worker_look_end(struct worker *w) _must_check_;

/* Jobs submitted before still run and report; then the thread ends and everything is freed. The
 * caller forgets the pointer; until then it is in `retired`. NULL is fine. */
void worker_retire(struct worker *w, struct worker_list *retired);
/* The same, but waits for the thread: for the time after the loop. NULL is fine. */
void worker_join(struct worker *w);
/* Of those that were retired, and have not ended yet. */
void workers_join(struct worker_list *retired);
