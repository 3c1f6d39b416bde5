/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Somebody else's changes to one NIC: noticed, closed where they lead ordinary traffic into a bound
 * queue, repaired if the configuration says so, and told. drift-scan.c scans and closes leaks,
 * drift.c performs what model/nic/drift-step.c decides, drift-report.c reports.
 */
#pragma once

#include "device.h"

struct lease;

/* Something may have changed: scan the steering, and the settings if asked. */
void drift_request_scan(struct device *d, bool settings);
/* It was as configured for an earlier daemon, and is not now: a scan finds out what differs. */
void drift_mark(struct device *d);
/* The configuration was applied: what that does not put back is repaired now, in any mode. */
void drift_after_apply(struct device *d, bool drifted);
/* A lease has an ifq or rules now: from here on the steering is polled. */
void drift_monitor_start(const struct lease *l);
/* Polls, unless a scan is under way, which arranges for that. */
void drift_poll(struct device *d);
/* What it was compared with is not valid any more: another interface, or a configuration that it is
 * not brought to. */
void drift_reset(struct device *d);
