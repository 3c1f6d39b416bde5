/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a rule of ours gets what it is for: that it is in the NIC says nothing of that, for a rule of
 * somebody else's may be asked before it. The one judge of it, for replies, lists, drift and counters;
 * where a flow lands altogether, which Explain tells, is flow-target.h's, and both go by the same order.
 */
#pragma once

#include "drift.h"
#include "flow-target.h"

enum taken_reason {
	TAKEN_BY_LOCATION,
	TAKEN_BY_FIELDS,   /* it has more of them, which is what this driver goes by */
	TAKEN_MAYBE_TIED,  /* the driver does not tell which of the two wins */
	TAKEN_MAYBE_MATCH, /* it is not known what it matches */
	_TAKEN_REASON_MAX,
};

/* A value: it outlives the state that it was seen in. */
struct taken {
	bool any;	      /* else nothing is in the way, and only what is said of the own rule counts */
	struct nic_rule rule; /* somebody else's, which takes it */
	enum target_share share; /* all of it, or some */
	enum taken_reason reason;
	bool movable;	      /* there is a free location before that rule, for ours */
	bool has_own;	      /* the flow's own rule is there, */
	uint32_t own_location; /* and where */
};

/* The packets are gone to somebody else, rather than perhaps. */
bool taken_is_sure(const struct taken *t);

/* Of each flow; ret[i] is flows[i]'s. -ENOMEM only. */
int taken_find(const struct nic_state *s, const struct drift_flow *flows, size_t n,
	       struct taken *ret);

/* "rule 0, which is not zcrxd's, takes FLOW to queue 3 (ethtool -N zc0 delete 0 removes it)". -ENOMEM. */
int taken_format(const struct taken *t, const struct flow *f, const char *interface, char **ret);
