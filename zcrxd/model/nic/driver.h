/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has to be known of drivers because the kernel does not tell: what a change does to the traffic
 * of the queues that are not being changed, and what has to be in place before it. Read off Linux
 * 7.3. Of a driver that is not listed the worst is expected.
 */
#pragma once

#include "plan.h"

enum effect {
	EFFECT_UNKNOWN, /* nothing is known of this driver */
	EFFECT_NONE,
	EFFECT_PAUSE,
	EFFECT_BOUNCE,
	_EFFECT_MAX,
};

enum effect driver_effect(const char *driver, enum step_op op);

/* What binding or releasing one queue does to the other traffic of the NIC, in words; NULL: nothing, or it is not
 * known. */
const char *driver_bind_effect(const char *driver);

/* It refuses tcp-data-split while rx-gro-hw is off. */
bool driver_splits_by_gro(const char *driver);

/* It has queues that can be given away, as far as that is up to the driver. */
bool driver_manages_queues(const char *driver);

/* Its rules need the feature ntuple-filters; where they do not (mlx5), that is accelerated RFS alone. */
bool driver_needs_ntuple(const char *driver);
/* While ntuple-filters are on, it may steer anybody's flow to a queue for which RFS is on, by filters that
 * nobody sees: known not to, or expected to. */
bool driver_accelerates_rfs(const char *driver);

/* Its "unknown" of tcp-data-split is that there is none. */
bool driver_splits_if_known(const char *driver);
/* For `ethtool --set-priv-flags`, without which rx-gro-hw stays off whoever sets it; NULL: nothing is known to
 * be in its way. */
const char *driver_flags_for_gro(const struct nic_state *s);

/* Of what somebody took for a driver's name: the one that he means, as in mlx5; NULL if none begins so. */
const char *driver_suggest(const char *text);

/* Of two rules that match a packet, which one it goes by. */
enum rule_order {
	RULES_BY_LOCATION, /* the lower one, as ethtool(8) has it */
	RULES_BY_FIELDS,   /* the one with more fields, wherever it lies */
	RULES_BY_CHANCE,   /* not known */
	_RULE_ORDER_MAX,
};
enum rule_order driver_rule_order(const char *driver);

/* The entries of its RSS table for so many channels; 0 where they do not depend on each other. */
size_t driver_rss_entries(const char *driver, unsigned channels);
