/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What drift.c (decides), drift-scan.c (scans and closes leaks), drift-repair.c and drift-report.c share.
 */
#pragma once

#include "device.h"
#include "drift.h"
#include "steering.h"

struct drift_scan {
	struct device *device;
	bool settings;	 /* asked for */
	bool counts;	 /* whether packets find buffers is looked at, too */
	uint32_t *bound; /* queues that ordinary traffic must not reach */
	size_t n_bound;
	struct nic_queue *counted; /* of each of these, or NULL */
	struct carve_out carve_out; /* where it may go instead: nowhere, if no queue is ordinary, */
	struct busy_queues held;    /* and not to these */

	struct nic_state *state; /* as it was seen first */
	int r;			 /* of the scan */
	struct fault fault;
	bool open, closed; /* the RSS table led to a bound queue; it does not any more */
	int close_r;	   /* why not */
	struct fault close_fault;
	bool guarded;	 /* there has to be a guard */
	int guard_r;	 /* why there is none */
	struct fault guard_fault;

	struct lease_steering steering; /* of the leases, when it was seen, */
	unsigned n_touched;		/* and the device's at that time */
	bool strays;			/* what is not right is being removed */
	struct drift drift;
};

struct drift_scan *drift_scan_free(struct drift_scan *k);

/* All that was found open is closed, and it was nothing else. */
bool scan_is_all_closed(const struct drift_scan *k);
/* On the device's worker: observes the steering, narrows a leaking RSS table, and restores a lost guard.
 * `done` gets the scan, to be freed. */
int scan_start(struct device *d, bool settings, void (*done)(void *scan), struct drift_scan **ret);
/* On the worker: what it does; and what it found is forgotten, for another time. */
void scan_run(struct nic *nic, void *scan);
void scan_forget_found(struct drift_scan *k);
/* On the loop: finds leaks. Reclaims the leases' queues to which a foreign rule or context leads. */
int scan_evaluate(struct drift_scan *k);
/* Reclaims all queues to which a leak of this kind leads. */
void scan_reclaim(const struct drift_scan *k, enum drift_kind kind);

/* ---- drift.c */
void drift_over(struct drift_scan *k); /* a scan, which is freed: what comes next is arranged */
void drift_scanned(void *scan); /* it ran on the worker */

/* ---- drift-repair.c */
/* Takes the scan over. */
void drift_repair(struct drift_scan *k);

/* ---- drift-report.c */
void drift_replace(char **s, const char *with);
/* Tells what drift_step() says of what `k` has found. */
void drift_report(struct device *d, unsigned actions, const struct drift_scan *k);
/* It could not be repaired, for this reason. */
/* Of a scan that failed because the driver has detached the interface. */
void drift_report_detached(struct device *d, const struct fault *fault);
void drift_report_failure(struct device *d, int r, const struct fault *fault);
/* Degraded, and why. A device that is degraded for another reason stays so for that. */
void drift_set_reason(struct device *d);
