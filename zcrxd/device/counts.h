/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happened to a device since it was first seen, for metrics. Counters only go up; they begin at 0 again
 * with the daemon, and those of a queue when its driver resets them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device;
struct nic_queue;

/* Of the driver, when they were read last: once a second, as long as the queue is bound. */
struct queue_counts {
	bool known, has_failures, has_drops;
	uint64_t packets, bytes, failures, drops;
};

/* All zero at first. */
struct device_counts {
	uint64_t drifts, repairs, repair_failures; /* reconcile/drift-report.c */
	uint64_t shortages;			   /* queues that were told of: lease/shortage.c */
	struct queue_counts *queues;		   /* by index; those that were ever bound */
	size_t n_queues;
};

/* These queues were looked at. */
void device_note_counts(struct device *d, const uint32_t *queues, const struct nic_queue *counted, size_t n);
void device_counts_done(struct device_counts *c);
