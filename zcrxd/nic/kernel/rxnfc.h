/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ntuple rules by ioctl: the kernel has no other way, and sends no notification about them.
 */
#pragma once

#include <linux/ethtool.h>

#include "ethioctl.h"
#include "nic-state.h"

/* Pure: a flow as the kernel's rule, without command and location; and any rule as ours. */
void rxnfc_from_flow(const struct flow *flow, const struct rule_target *target,
		     struct ethtool_rxnfc *ret);
void rxnfc_to_rule(const struct ethtool_rxnfc *nfc, struct nic_rule *ret);

/* rxtable.c: every rule, and whether the driver chooses their locations (NULL: no matter). The kernel's answer as
 * negative errno: -EOPNOTSUPP where there are no rules at all. */
int rxnfc_list(const struct ethtool_device *d, struct nic_rule **ret, size_t *ret_n,
	       bool *ret_chooses);

/* Pure: do both match the same fields, and as much of them? The rule that would explain why a NIC
 * with one set of fields for each flow type refuses the flow; NULL if that cannot be the reason. */
bool rxnfc_same_fields(const struct flow *a, const struct flow *b);
const struct nic_rule *rxnfc_other_fields(const struct flow *flow, const struct nic_rule *rules,
					  size_t n);
/* Refuses with that rule as the likely cause of the errno, or returns 0 if there is none. */
int rxnfc_refuse_fields(const struct ethtool_device *d, const struct flow *flow, int error,
			struct fault *reterr);

/* As nic_ops.rule_insert and rule_delete. */
int rxnfc_insert(const struct ethtool_device *d, const struct flow *flow,
		 const struct rule_target *target, size_t held, uint32_t *ret_location,
		 struct fault *reterr);
int rxnfc_delete(const struct ethtool_device *d, uint32_t location, const struct flow *flow,
		 const struct rule_target *target, struct fault *reterr);
