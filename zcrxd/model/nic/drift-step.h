/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What follows from a scan for drift, and when the next one is due: from values alone, which
 * reconcile/drift.c brings and whose consequences it performs. Times are microseconds of a clock that only
 * goes on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Drift that recurs is repaired at once the first few times, then at intervals, until there was none for a
 * while. */
#define DRIFT_REPAIRS_AT_ONCE 5
#define DRIFT_REPAIR_INTERVAL_USEC (30 * 1000000ULL)
#define DRIFT_QUIET_USEC (60 * 1000000ULL)
/* Of what the kernel does not notify. */
#define DRIFT_POLL_USEC (1000 * 1000ULL)
/* The same where nothing happens: what a timer of the loop takes with its slack, so that it is no later. */
#define DRIFT_LOOK_USEC (1200 * 1000ULL)

/* Of one NIC. All zero at first. */
struct drift_watch {
	uint64_t found;	       /* drift_digest() of what is not as it should be; 0: nothing */
	uint64_t steering;     /* of that, what is polled, unless it was closed */
	bool quiet;	       /* `found` was not reported, as it recurs */
	bool taken_only;       /* `found` is only about flows that foreign rules take */
	bool asked;	       /* to repair it, whatever on-drift says */
	bool missed;	       /* a scan that failed was to see the settings */
	unsigned failures;     /* of scans, in a row */
	unsigned close_attempts; /* to close a leak, in vain */
	unsigned repairs;      /* of the same, in a row */
	uint64_t due;	       /* when the settings are scanned again; 0 for never */
	uint64_t last_found, last_repair;
	unsigned repaired; /* since it was quiet */
};

/* Of a scan of the steering alone. */
struct drift_steering {
	uint64_t digest;
	bool settings; /* were asked for, too */
	bool opened;   /* there was a leak that is zcrxd's to close */
	bool left_open; /* and that could not be closed */
	bool closed;   /* the table, or all that was found */
};

/* Of a scan of everything. */
struct drift_finding {
	uint64_t digest;
	bool taken_only;
	bool closed; /* all of it */
};

/* Performed in this order. */
enum drift_action {
	DRIFT_SCAN_SETTINGS = 1 << 0,
	DRIFT_TELL_LEFT_OPEN = 1 << 1,
	DRIFT_RECLAIM = 1 << 2,	    /* what cannot be closed at its beginning is closed at its end */
	DRIFT_EXPLAIN = 1 << 3,	    /* it is another drift than before: these are its words */
	DRIFT_TELL = 1 << 4,	    /* ... to the journal and to watchers */
	DRIFT_RESOLVE = 1 << 5,	    /* nothing is wrong any more */
	DRIFT_TELL_REPAIRED = 1 << 6,
	DRIFT_TELL_RATELIMIT = 1 << 7,
	DRIFT_REPAIR = 1 << 8,
};

void drift_scan_failed(struct drift_watch *w, bool settings);
unsigned drift_steering_step(struct drift_watch *w, const struct drift_steering *s);
/* `repair`: on-drift says so. */
unsigned drift_step(struct drift_watch *w, const struct drift_finding *f, uint64_t now, bool repair);
/* It is known that something else is wrong. Quietly: only the reason of the device says so. */
unsigned drift_note(struct drift_watch *w, uint64_t digest, bool quiet);
/* A digest of what has not been scanned. */
#define DRIFT_UNKNOWN 1

/* Nothing is wrong, nor to be done: it is enough to see when that changes. */
bool drift_is_at_rest(const struct drift_watch *w);
/* The next scan, which is due now, is to see the settings. */
bool drift_wants_settings(const struct drift_watch *w, uint64_t now);
/* How long to wait for that; UINT64_MAX: until something asks. `polled`: steering is of consequence. */
uint64_t drift_wait(const struct drift_watch *w, uint64_t now, bool polled);
