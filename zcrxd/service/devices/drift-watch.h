/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Somebody else's changes to one NIC: noticed, closed where they lead ordinary traffic into a bound
 * queue, repaired if the configuration says so, and told. drift-look.c looks and closes, drift.c
 * decides and repairs, drift-tell.c tells.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "drift-pace.h"

struct device;
struct look;

/* Of a device; all zero at first. */
struct drift_watch {
	bool armed;	      /* it was as configured: what differs from then on was changed */
	struct look *look;    /* under way, until what it found is dealt with */
	bool again, again_settings; /* something happened meanwhile */
	char *found;	      /* what is not as it should be, as it was told; NULL: nothing */
	char *ways;	      /* of that, the part that is polled */
	bool quiet;	      /* `found` was not told: it has been too often */
	bool asked;	      /* to repair it, whatever on-drift says */
	bool taken_only;      /* `found` is only about flows that others' rules take */
	char *failure;	      /* why it could not be repaired, as it was told */
	unsigned failures;    /* of looks, in a row */
	bool missed;	      /* one of them was to see the settings */
	unsigned open_tries;  /* to close a table, in vain */
	unsigned repairs;     /* of the same, in a row */
	unsigned n_repairing; /* parts of the repair under way */
	bool repair_failed;   /* one of them */
	uint64_t due;	      /* when the settings are looked at again; CLOCK_MONOTONIC, 0 for never */
	struct drift_pace pace;
	sd_event_source *timer;
};

/* Something may have changed: look at the ways into queues, and at the settings if asked. */
void drift_look(struct device *d, bool settings);
/* It was as configured for an earlier daemon, and is not now: that is looked at, and told. */
void drift_expect(struct device *d);
/* The configuration was applied: what that does not put back is repaired now, in any mode. */
void drift_applied(struct device *d, bool drifted);
/* A lease has an ifq or rules now: from here on its ways are watched. */
void drift_watch_ways(struct device *d);
/* What it was compared with is not valid any more: another interface, or a configuration that it is
 * not brought to. */
void drift_forget(struct device *d);
