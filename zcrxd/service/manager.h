/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Owns everything that lives as long as the daemon: the loop, the backend, the configuration, the
 * devices, the leases, the server and the watchers. Decides nothing: start order, dispatch of the
 * backend's events and shutdown are all that happens here.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

#include "config.h"
#include "loop.h"
#include "nic.h"
#include "urgent.h"

struct accounts;
struct answer;
struct connection;
struct device;
struct lease;
struct listener;
struct prover;
struct registrar;
struct session_process;
struct stray;
struct user;
struct watcher;

TAILQ_HEAD(connection_list, connection);
TAILQ_HEAD(device_list, device);
TAILQ_HEAD(lease_list, lease);
TAILQ_HEAD(stray_list, stray);
TAILQ_HEAD(lingering_list, lingering);
STAILQ_HEAD(answer_list, answer);
LIST_HEAD(listener_list, listener);
LIST_HEAD(session_list, session_process);
LIST_HEAD(user_list, user);
LIST_HEAD(registrar_list, registrar);
LIST_HEAD(watcher_list, watcher);

struct manager {
	sd_event *event;
	struct loop loop;
	struct nic_backend *backend;
	sd_event_source *backend_source;
	char *config_path, *state_path;
	char *origin_directory; /* how each NIC was found: record/origin.h */
	struct config *config;
	struct accounts *accounts; /* whom its policy names: connections/accounts.h */
	sd_varlink_server *server;
	struct listener_list listeners;
	struct connection_list connections; /* the longest idle first */
	struct session_list sessions;	    /* ... the newest first */
	struct user_list users;		    /* those with connections */
	unsigned n_connections;
	uint64_t last_complaint; /* in the journal, about a connection; monotonic */
	unsigned n_complaints;	 /* since then */
	struct device_list devices;
	struct lease_list leases;
	struct stray_list strays; /* what went with a NIC: leases/strays.h */
	struct lingering_list lingering; /* areas of leases that are over: leases/lingering.h */
	char *state_set_aside; /* what became of a state file that could not be read */
	int rings_fd;	 /* nic_backend_ops.rings(); borrowed */
	bool rings_stored; /* the service manager has a copy */
	int state_error; /* why the last write of the state file failed, and that was said; or 0 */
	sd_event_source *save_timer; /* then it is tried again */
	bool store_marked;	/* the service manager has the mark: record/fdstore.h */
	size_t n_store_lost;	/* leases that it did not keep, at start */
	size_t n_dropped;	/* leases that could not be read, at start */
	char *refused_config;	/* why the file that was read last does not hold; NULL: it does */
	sd_event_source *proof_timer;
	struct prover *prover; /* leases/prover.h */
	struct urgent_slot urgent[URGENT_MAX];
	struct watcher_list watchers;
	struct answer_list answers; /* to calls that only read: methods/answers.h */
	sd_event_source *answer_source;
	struct registrar_list registrars;
	uint64_t last_flow_id;
	unsigned n_stopping;	/* devices that go back to what they were, because the daemon ends */
	unsigned starting;	/* devices whose first configuration is still running */
	bool syncing, sync_again; /* a look at all links is under way; ... is needed after it */
	bool open_failed;	  /* of an interface that was there, in it */
	sd_event_source *sync_timer; /* what failed is tried again */
	unsigned n_sync_failures;    /* in a row */
	bool ready;		/* READY=1 was sent */
	char *status;		/* as it was told last */
	bool stopped_listening; /* ... and the last calls have been heard */
	bool stopping;		/* SIGTERM: what is under way is finished, then the loop ends */
	uint64_t stop_usec;	/* when that came; CLOCK_MONOTONIC */
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

/* A device's first configuration has ended, one way or the other. */
void manager_device_started(struct manager *m);
/* An operation on a lease has ended: a stop may be complete. */
void manager_idle(struct manager *m);
/* STATUS= for systemctl status (problems.c). */
void manager_update_status(struct manager *m);
