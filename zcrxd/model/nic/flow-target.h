/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the packets of a flow land on a NIC, from what was observed of it.
 */
#pragma once

#include "nic-state.h"

/* How much of the flow one target takes. */
enum target_share {
	TARGET_ALL,  /* every packet of it */
	TARGET_SOME, /* those that match the rule too, or may match it */
	TARGET_REST, /* what the rules before have left */
	_TARGET_SHARE_MAX,
};

struct flow_target {
	enum target_share share;
	const struct nic_rule *rule;   /* NULL: no rule, the default RSS table */
	bool tied; /* with the targets beside it: the driver does not tell which of these rules wins */
	const struct rss_table *table; /* that spreads it over its queues; NULL if none does, or where
					* it could not be read */
};

const char *target_share_to_string(enum target_share s); /* all, some, rest */

/*
 * In the order in which the NIC asks its rules, which is its driver's (driver_rule_order). The last
 * target takes all that is left. Borrows of `s`. -ENOMEM only.
 */
int flow_targets(const struct nic_state *s, const struct flow *f, struct flow_target **ret,
		size_t *ret_n);

/* The queues of a target, each once, in rising order; none for a rule that drops. -ENOMEM only. */
int flow_target_queues(const struct flow_target *l, uint32_t **ret, size_t *ret_n);

/* Some packet of the flow may be this rule's. */
bool rule_may_match(const struct nic_rule *rule, const struct flow *f);
/* Of a packet that matches both, this rule may take what would be the other's; and surely does. */
bool rule_may_precede(const struct nic_state *s, const struct nic_rule *rule,
			 const struct nic_rule *other, bool *ret_sure);
