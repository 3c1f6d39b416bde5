/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One interface of the configuration: found or missing, its worker, what was observed of it last,
 * and which of its queues are whose. It brings the NIC to what the configuration says and keeps the
 * reason when it cannot.
 */
#pragma once

#include "counts.h"
#include "demand.h"
#include "reconcile.h"
#include "device-phase.h"
#include "devices.h"
#include "drift-step.h"
#include "inventory.h"
#include "names.h"
#include "receiver.h"
#include "worker.h"

enum configure_mode {
	CONFIGURE_AUTO,	 /* unless it is to be left alone (reconcile/restore.h) */
	CONFIGURE_AGAIN, /* as AUTO, after a failure: what would interrupt traffic only to be refused as
			  * before is not tried once more */
	CONFIGURE_APPLY, /* somebody asked for it */
	CONFIGURE_FORCE, /* also where it interrupts the default route */
	CONFIGURE_REPAIR, /* as APPLY, but telling is the caller's part (reconcile/drift.c) */
};

/* What came of looking at a device, or of configuring it. Valid during the callback only. */
struct device_report {
	int r;			     /* 0, enum zcrx_error with `fault`, negative errno */
	struct fault *fault;
	const struct plan *plan;     /* NULL if it did not come so far */
	const struct step_result *results; /* of its steps; NULL if none was tried */
	const struct nic_state *found;	   /* before the first of them, likewise */
	uint64_t confirm_until;	     /* realtime; 0 if there is nothing to confirm */
};

typedef void (*device_done)(struct device *d, const struct device_report *report, void *userdata);

struct device_look;
struct guard_linger;
struct drift_scan;
struct standing;
struct refresh;

/* What others change of it: reconcile/drift.c. All zero at first. */
struct device_drift {
	struct drift_watch watch; /* what is decided by */
	struct drift_scan *scan;  /* under way, until what it found is dealt with */
	struct standing *standing; /* instead of scans, while nothing happens: the worker looks by itself */
	unsigned n_touched;	  /* how often what it is compared with has changed */
	bool again, again_settings; /* something happened meanwhile */
	char *text;		  /* what was found, in words */
	char *failure;		  /* why it could not be repaired, as it was told */
	unsigned n_repairing;	  /* parts of the repair under way */
	bool repair_failed;	  /* one of them */
	bool waits;		  /* some of it, for leases to end */
	uint64_t counted_usec;	  /* CLOCK_MONOTONIC: when a scan last read what the queues count */
	sd_event_source *timer;
};

/* Its flows are guarded: flow-guard.c. All zero at first. */
struct flow_guard {
	struct guard_linger *lingering;
	size_t n_lingering;
	sd_event_source *timer;
	unsigned failures; /* in a row */
};

/* Rules that were lost before their lease was over, and may come back: lease/strays.h. */
#define STRAYS_MAX 64
struct stray {
	struct flow flow;
	struct rule_target target;
};

/* What was applied is rolled back unless it is confirmed: reconcile/confirm.c. All zero if there is
 * nothing to confirm. */
enum trial_state {
	TRIAL_NONE,
	TRIAL_APPLYING,
	TRIAL_AWAITED,	  /* somebody has to confirm */
	TRIAL_CONFIRMING, /* that is being saved */
	TRIAL_OVERDUE,	  /* nobody can any more: it has to be rolled back as soon as that is possible */
};

struct trial {
	enum trial_state state;
	uint64_t until; /* CLOCK_BOOTTIME; 0 if it is overdue */
	uint64_t told;	/* the same in realtime, as people were told */
	bool reloaded;	/* its entry may be another one by now */
	sd_event_source *timer;
};

struct device {
	TAILQ_ENTRY(device) entry;
	struct devices *devices;
	struct config_interface config; /* the strings belong to devices->config */
	char *match;			/* "zc0", "driver mlx5_core": for people */
	struct nic_link link;		/* as it was seen last */
	struct receiver receiver;

	enum device_phase phase; /* reconcile/phase.c */
	char *reason; /* of a phase that is not configured */
	unsigned ifindex;
	char name[IFNAMSIZ];
	unsigned generation;	/* of the interface: it may come back under its old index */
	struct trial trial;
	struct rerun configuring;
	struct rerun serving; /* reconcile/serving.h */
	struct worker *worker;	/* NULL unless the phase says that it is open, or gone */
	struct nic_quirks memory; /* of this interface, until it is gone */
	struct nic_state *observed;
	uint64_t observed_usec; /* realtime: when */
	struct inventory inventory;
	unsigned n_leases;
	unsigned n_users; /* jobs of the worker that will report to this object, and the list that it is in */
	struct device_look *look; /* that the worker takes by itself */

	struct refresh *refresh;   /* the last one that was submitted, until it has reported */
	unsigned n_refreshing;	   /* two at most: one that runs, and one for all who came since */
	uint64_t refreshing_since; /* monotonic */
	sd_event_source *recheck;      /* quarantined queues are looked at again */
	struct device_drift drift;
	bool detached; /* by its driver, when it was to be configured; zcrxd waits for it */
	uint64_t standstill_usec; /* realtime: since when its worker has made no progress; 0: it has */
	sd_event_source *retry; /* what failed is tried again (reconcile/retry.h) */
	uint64_t retry_usec;	/* when, CLOCK_MONOTONIC; 0: it is not */
	unsigned n_retries;	/* in a row */
	char *refused;		/* the plan that the NIC cannot carry out, in words */
	struct flow_guard guard;
	struct device_counts counts;
	struct stray strays[STRAYS_MAX];
	size_t n_strays;
};

/* Missing at first. `config` NULL: no entry matches it. */
int device_new(struct devices *devices, const struct config_interface *config, struct device **ret);
/* Not in the configuration any more: freed once no job reports to it. It must have no leases. */
void device_drop(struct device *d);
/* worker_submit, keeping the device until `done` has returned. */
int device_submit(struct device *d, job_run run, job_done done, void *data) _must_check_;
/* The same for what takes rules, queues or ways into them back: before all that only wants something. It
 * may overtake anything, so nothing that still waits may be undone by it: a flow is removed once its
 * insertion has reported, a grant once no operation of the lease is under way. */
int device_submit_reclaim(struct device *d, job_run run, job_done done, void *data) _must_check_;

/* worker_look() and worker_look_end(), likewise; the latter only while device_has_look(). */
int device_look(struct device *d, uint64_t period_usec, job_look look, job_done done, job_late late, void *data)
	_must_check_;
bool device_look_end(struct device *d) _must_check_;
static inline bool device_has_look(const struct device *d)
{
	return d->look != NULL;
}

/* 0 for the queues without a NIC. */
unsigned device_kernel_index(const struct device *d);
const char *device_name(const struct device *d);
/* All of them. */
static inline struct interface_names device_names(const struct device *d)
{
	return (struct interface_names){ .name = device_name(d),
					 .altnames = d->ifindex > 0 ? d->link.altnames : NULL };
}
static inline bool device_is_open(const struct device *d)
{
	return device_phase_is_open(d->phase);
}
static inline bool device_has_entry(const struct device *d)
{
	return d->config.name || d->config.driver || d->config.mac || d->config.path;
}
/* What keeps it from its configuration are leases. */
static inline bool device_waits_for_leases(const struct device *d)
{
	return d->phase == DEVICE_PENDING || d->drift.waits;
}
/* No lease is left, nor anything that may have to be rolled back. */
static inline bool device_is_unused(const struct device *d)
{
	return d->n_leases == 0 && d->trial.state == TRIAL_NONE;
}
/* It is open, and the configuration says what it is to be. */
static inline bool device_is_managed(const struct device *d)
{
	return device_is_open(d) && device_has_entry(d);
}

/* To watchers: an EventKind of the IDL; `reason` may be NULL. */
void device_announce(const struct device *d, const char *event, const char *reason);

/* Another entry, or the same after it was read again; nothing is applied. */
void device_set_config(struct device *d, const struct config_interface *config);

/* Observe, then report. All callers that come before an observation begins share it; one that began before
 * somebody asked is none for him. */
int device_refresh(struct device *d, device_done done, void *userdata);
/* Of a queue, with ring and MTU as they were seen last; nothing is known of one that was not. */
void device_demand(const struct device *d, struct nic_demand *ret);
/* 0 unless an area of this size, or buffers of this length (0: a page), will not do. */
int device_check_area(const struct device *d, uint64_t size, uint64_t buffer_length, struct fault *reterr);
/* Longer than any look takes that has not to wait for something slow. */
#define DESCRIBE_TIMEOUT_USEC 1000000ULL
/* A look has waited for so long already: who can do with what is known need not wait along. */
bool device_is_stalled(const struct device *d);
/* What was seen last is this. */
void device_set_observed(struct device *d, struct nic_state *state);
int device_configure(struct device *d, enum configure_mode mode, device_done done, void *userdata);
/* The same, and it goes back after so long unless it is confirmed; 0: it stays. */
int device_configure_for(struct device *d, enum configure_mode mode, uint64_t confirm_within,
			 device_done done, void *userdata);
void device_log_steps(const struct device *d, const struct plan *plan,
		      const struct step_result *results);

/* A queue was given back: what waited for it is done. Does nothing where nothing waits. */
void device_retry_pending(struct device *d);

/* Queues in an unknown state are looked at again now. */
void device_retry_quarantined(struct device *d);
void device_update_quarantine(struct device *d);
/* An RSS table that leads to queues which are not in use is narrowed without being asked for, so that it
 * keeps nobody from a lease. */
bool device_sees_to_table(const struct device *d);
/* Withhold a queue that the kernel says is somebody else's. */
void device_quarantine(struct device *d, uint32_t queue, const char *reason);
