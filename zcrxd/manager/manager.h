/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Owns everything that lives as long as the daemon, and decides nothing: start order, dispatch of the
 * backend's events and shutdown are all that happens here. What the parts do for those below them is in
 * the hooks that manager.c sets.
 */
#pragma once

#include "devices.h"
#include "leases.h"
#include "loop.h"
#include "methods.h"
#include "server.h"

struct record;

struct manager {
	struct loop loop;
	struct nic_backend *backend;
	sd_event_source *backend_source;
	struct server server;
	struct devices devices;
	struct leases leases;
	struct api api;
	bool stopped_listening; /* the daemon ends, and the last calls have been heard */
	uint64_t stop_usec;	/* when SIGTERM came; CLOCK_MONOTONIC */
};

/* Those that the loop reads wait for it. First of all, before any thread exists. */
int manager_block_signals(void);
/* Takes over `backend` on success. */
int manager_new(struct nic_backend *backend, const char *config_path, const char *state_path,
		struct manager **ret);
/* Listens and configures what is there; READY=1 follows when that is done. `socket_path` is bound
 * when no socket was passed by activation. */
int manager_start(struct manager *m, const char *socket_path);
/* Until SIGTERM or SIGINT. */
int manager_run(struct manager *m);
struct manager *manager_free(struct manager *m);
DEFINE_CLEANUP(struct manager *, manager_free)

/* ---- stop.c */
int manager_add_signals(struct manager *m);
/* A stop may be complete. */
void manager_idle(struct manager *m);
