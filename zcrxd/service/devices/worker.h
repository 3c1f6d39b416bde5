/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread of one interface: kernel calls that may take seconds run here, one at a time and in the
 * order in which they were asked for, so that the event loop never waits for a driver.
 *
 * A job's `run` sees the nic and its own data and nothing else of the daemon; its `done` runs on the
 * loop, and is where results become state.
 */
#pragma once

#include <systemd/sd-event.h>

#include "nic.h"

struct worker;

typedef void (*job_run)(struct nic *nic, void *data);
typedef void (*job_done)(void *data);

/* Takes over `nic` on success. */
int worker_new(sd_event *event, struct nic *nic, struct worker **ret);

/* `done` is called exactly once, unless -ENOMEM was returned. */
int worker_submit(struct worker *w, job_run run, job_done done, void *data) _must_check_;

/* Jobs submitted before still run and report; then the thread ends and everything is freed. The
 * caller forgets the pointer. NULL is fine. */
void worker_retire(struct worker *w);
/* The same, but waits for the thread: for the time after the loop. NULL is fine. */
void worker_join(struct worker *w);
