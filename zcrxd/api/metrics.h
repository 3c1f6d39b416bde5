/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What io.systemd.Metrics tells: the families (metrics-table.c), and their values now (metrics-collect.c). All
 * of it is in memory: nothing is asked of the kernel for it, and nobody is waited for.
 *
 * How many values there are is bounded by the configuration and the machine, never by what clients do: owners
 * and queues beyond the bounds below are counted together, or left out and counted.
 */
#pragma once

#include "methods.h"

#define METRICS_PREFIX	   "io.zcrx."
#define METRICS_OWNERS_MAX 32
#define METRICS_QUEUES_MAX 256 /* of which the driver's counters are told */

enum metric {
	METRIC_BUILD_INFO,
	METRIC_PROBLEMS,
	METRIC_INTERFACES,
	METRIC_QUEUES,
	METRIC_LEASES,
	METRIC_LEASE_ENDS,
	METRIC_LEASE_END_BUCKET,
	METRIC_LEASE_END_COUNT,
	METRIC_LEASE_END_SUM,
	METRIC_OLDEST_ENDING,
	METRIC_AREA_BYTES,
	METRIC_FLOWS,
	METRIC_TAKEN_FLOWS,
	METRIC_QUEUE_PACKETS,
	METRIC_QUEUE_BYTES,
	METRIC_QUEUE_FAILURES,
	METRIC_QUEUE_DROPS,
	METRIC_QUEUES_LEFT_OUT,
	METRIC_SHORT_QUEUES,
	METRIC_SHORTAGES,
	METRIC_DRIFTS,
	METRIC_REPAIRS,
	METRIC_REPAIR_FAILURES,
	METRIC_REFUSALS,
	METRIC_CALL_BUCKET,
	METRIC_CALL_COUNT,
	METRIC_CALL_SUM,
	METRIC_CONNECTIONS,
	METRIC_TURNS,
	METRIC_TURNS_OVER_BUDGET,
	METRIC_LONGEST_TURN,
	_METRIC_MAX,
};

struct metric_info {
	const char *name; /* without the prefix; a counter ends in _total, _bucket, _count or _sum */
	bool is_counter;  /* else a gauge */
	const char *description;
};

extern const struct metric_info metric_infos[_METRIC_MAX];

/* Leases of a user. Of METRICS_OWNERS_MAX + 1 of these, `n` in use, the last is for all who found no room. */
struct metric_owner {
	uid_t uid;
	unsigned n[_LEASE_STATE_MAX];
};
struct metric_owner *metric_owner_of(struct metric_owner *owners, size_t *n, uid_t uid);

/* Replies of List, to be sent. The first failure stays in `r`. */
struct metric_values {
	sd_json_variant **list;
	size_t n, allocated;
	int r;
};

void metric_values_done(struct metric_values *v);

/* Appends what belongs to one group of families; false: there is no group of this number. */
bool metrics_collect(struct api *api, unsigned group, struct metric_values *ret);
