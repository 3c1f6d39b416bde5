/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ways into the queues of a device's leases, as model/nic/drift.c wants to know them.
 */
#pragma once

#include "drift.h"
#include "flows.h"
#include "leases.h"
#include "rules.h"
#include "rss.h"

struct lease_steering {
	struct drift_queue *queues;
	struct drift_flow *flows;
	struct drift_context *contexts;
	struct drift_expected expected; /* of both */
};

void leases_steering_done(struct lease_steering *w);
#define _cleanup_lease_ways_ _cleanup_(leases_steering_done)
int leases_steering(const struct device *d, struct lease_steering *ret);

/* What leads to the lease's queues and is its own, for nic_state_check_isolated(); the rules are the caller's. */
int lease_own_steering(const struct lease *l, struct own_steering *ret, uint32_t **ret_rules);

/* Who takes which flow of the device's leases, in the order of leases_steering(): noted, and told.
 */
void leases_note_taken(struct device *d, const struct taken *taken);
/* The same by what was seen of the NIC. */
void leases_judge(struct device *d, const struct nic_state *s);

/* Whose it is: a rule is a lease's if it says exactly what one of its flows says; where it lies does not
 * matter. NULL: nobody's of ours. */
const struct lease *leases_find_rule(const struct device *d, const struct nic_rule *rule);

/* Some queue of it has an ifq: ordinary traffic must not get there. */
bool leases_need_monitoring(const struct device *d);
bool lease_needs_monitoring(const struct lease *l);

/* Somebody else's way leads into a queue of this lease, and is not ours to close: the queue is taken
 * back, at once. */
void lease_revoke_leaking(struct leases *leases, uint32_t id, const char *reason);

/* The rule of this flow is gone, or comes too late: it is inserted where there is room first. If that
 * fails the flow stays, and may be tried again. -ENOENT if it is not one that has a rule (any more). */
int lease_rule_return(struct device *d, uint64_t flow, flows_done done, void *userdata);
/* Its RSS context is gone: another one is made, and the rules to it are to be inserted then. -ENOENT. */
int lease_context_return(struct device *d, uint32_t id, rss_done done);
