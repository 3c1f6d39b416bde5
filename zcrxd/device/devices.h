/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The devices that there are, what they are to be, and the links of the machine that they may stand for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "config.h"
#include "loop.h"
#include "nic.h"
#include "rerun.h"
#include "server.h"
#include "worker.h"

struct device;
struct devices;
struct leases;

/* What those who stand above a device do about it: set once, by the manager. */
struct device_hooks {
	void (*queue_freed)(struct device *d); /* what waited for it may be done */
	void (*recheck)(struct device *d);     /* what is in an unknown state is looked at again */
	void (*gone)(struct device *d);	       /* it is about to be freed */
	void (*started)(struct devices *devices); /* a first configuration has ended, one way or the other */
	void (*stopped)(struct devices *devices); /* one is as it has to be when the daemon ends */
};

TAILQ_HEAD(device_list, device);

struct devices {
	struct device_list list;
	struct loop *loop;
	struct nic_backend *backend;
	struct server *server; /* whose watchers are told */
	struct leases *leases; /* on them; for those above */
	const struct device_hooks *hooks;
	char *config_path;
	struct config *config;
	char *refused_config;	/* why the file that was read last does not hold; NULL: it does */
	char *baseline_directory; /* how each NIC was found: baseline.h */
	bool ready;		/* the first configurations have ended, and clients are answered */
	bool stopping;		/* SIGTERM: what is under way is finished, then the loop ends */
	unsigned n_starting;	/* their first configuration is still running */
	unsigned n_stopping;	/* they go back to what they were, because the daemon ends */
	struct rerun syncing;	  /* a look at all links */
	struct worker_list retired; /* of interfaces that are gone */
	bool open_failed;	  /* of an interface that was there, in it */
	sd_event_source *sync_timer; /* what failed is tried again */
	unsigned n_sync_failures;    /* in a row */
	char *status;		     /* as systemd was told last */
	uint64_t status_until;	     /* CLOCK_MONOTONIC: it is not told more before */
	sd_event_source *status_timer;
};

/* Nothing that is in it already is touched. */
void devices_init(struct devices *devices);
/* The list has to be empty. */
void devices_done(struct devices *devices);

/* By what it is called now, or by an alternative name; NULL. */
struct device *devices_find(struct devices *devices, const char *name);
struct device *devices_find_by_index(struct devices *devices, unsigned ifindex);

/* Those of the machine, and the one behind which there is no NIC. The caller frees with
 * nic_links_free. */
int devices_links(struct devices *devices, struct nic_link **ret, size_t *ret_n);
