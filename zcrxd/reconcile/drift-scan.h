/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What drift.c (decides), drift-scan.c (looks and closes), drift-repair.c and drift-report.c share.
 */
#pragma once

#include "device.h"
#include "drift.h"
#include "steering.h"

struct drift_scan {
	struct device *device;
	bool settings;	 /* asked for */
	uint32_t *bound; /* queues that ordinary traffic must not reach */
	size_t n_bound;
	unsigned ordinary; /* queues that it may reach, from 0 up */

	struct nic_state *state; /* as it was seen first */
	int r;			 /* of looking */
	struct fault fault;
	bool open, closed; /* the RSS table led to a bound queue; it does not any more */
	int close_r;	   /* why not */
	struct fault close_fault;
	bool guarded;	 /* there has to be a guard */
	int guard_r;	 /* why there is none */
	struct fault guard_fault;

	struct lease_steering ways; /* when it was seen */
	struct drift drift;
};

struct drift_scan *drift_scan_free(struct drift_scan *k);

/* All that was found open is closed, and it was nothing else. */
bool scan_is_all_closed(const struct drift_scan *k);
/* On the device's worker: looks, closes a table, and sets a guard again that is gone. `done` gets it, to be freed. */
int scan_start(struct device *d, bool settings, void (*done)(void *look), struct drift_scan **ret);
/* On the loop: what is wrong with the ways. Takes the leases' queues back where a way that is not ours
 * to close leads. */
int scan_evaluate(struct drift_scan *k);
/* Closes all open ways at their end. */
void scan_reclaim(const struct drift_scan *k, enum drift_kind kind);

/* ---- drift.c */
void drift_next(struct device *d); /* after a look: when is the next? */

/* ---- drift-repair.c */
/* Takes the look over. */
void drift_repair(struct drift_scan *k);

/* ---- drift-report.c */
void drift_replace(char **s, const char *with);
/* Tells what drift_step() says of what `k` has found. */
void drift_report(struct device *d, unsigned actions, const struct drift_scan *k);
/* It could not be put right for this reason. */
void drift_report_failure(struct device *d, int r, const struct fault *fault);
/* Degraded, and why. A device that is degraded for another reason stays so for that. */
void drift_set_reason(struct device *d);
