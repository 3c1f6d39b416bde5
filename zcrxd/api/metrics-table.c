/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The families. docs/METRICS.md has them for people, and a test compares the two. What they are called and
 * what they count stays: dashboards of every age read it.
 */
#include "metrics.h"

#define COUNTER(name, description) { name, true, description }
#define GAUGE(name, description) { name, false, description }

const struct metric_info metric_infos[_METRIC_MAX] = {
	[METRIC_BUILD_INFO] = GAUGE("build_info", "1, with the version of zcrxd"),
	[METRIC_PROBLEMS] = GAUGE("problems", "What is wrong with zcrxd itself: sentences in zcrxctl status"),
	[METRIC_INTERFACES] = GAUGE("interfaces", "Interfaces of the configuration, by state"),
	[METRIC_QUEUES] = GAUGE("queues", "Receive queues by state: ordinary, or how far the lease of a carved-out one is"),
	[METRIC_LEASES] = GAUGE("leases", "Leases by the uid of their owner and by state"),
	[METRIC_LEASE_ENDS] = COUNTER("lease_ends_total", "Leases that began to end, by what ended them"),
	[METRIC_LEASE_END_BUCKET] =
		COUNTER("lease_end_seconds_bucket", "Time from the end of a lease until its queues were free again"),
	[METRIC_LEASE_END_COUNT] = COUNTER("lease_end_seconds_count", "Leases whose queues became free again"),
	[METRIC_LEASE_END_SUM] = COUNTER("lease_end_seconds_sum", "Seconds that this took, all together"),
	[METRIC_OLDEST_ENDING] = GAUGE("oldest_ending_lease_seconds",
				       "For how long the oldest lease that is draining or quarantined has been; 0 without one"),
	[METRIC_AREA_BYTES] = GAUGE("area_bytes", "Bytes of the areas that are registered through zcrxd"),
	[METRIC_FLOWS] = GAUGE("flows", "Flows of leases by the state of their rules"),
	[METRIC_TAKEN_FLOWS] = GAUGE("taken_flows", "Flows that a foreign rule takes, or may take, before the lease's own"),
	[METRIC_QUEUE_PACKETS] = COUNTER("queue_received_packets_total",
					 "Packets that the driver counted, as of the last second in which the queue was bound"),
	[METRIC_QUEUE_BYTES] = COUNTER("queue_received_bytes_total", "Bytes of these packets"),
	[METRIC_QUEUE_FAILURES] = COUNTER("queue_allocation_failures_total",
					  "Packets that found no buffer: the area of the client was used up"),
	[METRIC_QUEUE_DROPS] = COUNTER("queue_hardware_drops_total", "Packets that the hardware dropped"),
	[METRIC_QUEUES_LEFT_OUT] = GAUGE("queues_left_out", "Queues whose counters are not told, because there are too many"),
	[METRIC_SHORT_QUEUES] =
		GAUGE("short_queues", "Bound queues whose packets find no buffer again and again, so that they are dropped"),
	[METRIC_SHORTAGES] = COUNTER("shortages_total", "How often a bound queue came to be one of these"),
	[METRIC_DRIFTS] = COUNTER("drifts_total", "External changes to the NIC that were found and reported"),
	[METRIC_REPAIRS] = COUNTER("repairs_total", "Repairs of such changes that were begun"),
	[METRIC_REPAIR_FAILURES] = COUNTER("repair_failures_total", "Scans and repairs that failed"),
	[METRIC_REFUSALS] = COUNTER("refusals_total", "Calls that were answered with an error, by error"),
	[METRIC_CALL_BUCKET] = COUNTER("call_seconds_bucket", "Time from a call to its answer, by method"),
	[METRIC_CALL_COUNT] = COUNTER("call_seconds_count", "Calls that were answered, by method"),
	[METRIC_CALL_SUM] = COUNTER("call_seconds_sum", "Seconds that they took, all together"),
	[METRIC_CONNECTIONS] = GAUGE("connections", "Connections of clients"),
	[METRIC_TURNS] = COUNTER("loop_turns_total", "Event-loop iterations"),
	[METRIC_TURNS_OVER_BUDGET] =
		COUNTER("loop_turns_over_budget_total", "Of these, those that took more than 50 ms, for which everything waited"),
	[METRIC_LONGEST_TURN] = GAUGE("loop_longest_turn_seconds", "The longest of them since zcrxd started"),
};
