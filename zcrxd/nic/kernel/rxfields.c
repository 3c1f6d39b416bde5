/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which fields rules match. Some NICs (ice) have one set of fields for all rules of a flow type,
 * chosen by the first of them, and answer no more than EINVAL to another set.
 */
#include "rxnfc.h"

bool rxnfc_same_fields(const struct flow *a, const struct flow *b)
{
	return a->protocol == b->protocol && a->source.prefix == b->source.prefix &&
	       a->destination.prefix == b->destination.prefix &&
	       !a->source_port == !b->source_port && !a->destination_port == !b->destination_port;
}

const struct nic_rule *rxnfc_other_fields(const struct flow *flow, const struct nic_rule *rules,
					  size_t n)
{
	const struct nic_rule *other = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!rules[i].understood || rules[i].flow.protocol != flow->protocol)
			continue;
		/* A neighbour with these very fields: they are not what the driver minds. */
		if (rxnfc_same_fields(&rules[i].flow, flow))
			return NULL;
		if (!other)
			other = &rules[i];
	}
	return other;
}

int rxnfc_refuse_fields(const struct ethtool_device *d, const struct flow *flow, int error,
			struct fault *reterr)
{
	_cleanup_free_ char *operation = NULL, *text = NULL, *other_text = NULL;
	_cleanup_free_ struct nic_rule *rules = NULL;
	const struct nic_rule *other;
	size_t n;

	if ((error != EINVAL && error != EOPNOTSUPP) || rxnfc_list(d, &rules, &n, NULL) < 0)
		return 0;
	other = rxnfc_other_fields(flow, rules, n);
	if (!other)
		return 0;
	if (flow_format(flow, &text) < 0 || flow_format(&other->flow, &other_text) < 0 ||
	    asprintf(&operation, "insert the ntuple rule %s on %s", text, d->name) < 0)
		return -ENOMEM;
	return fault_kernel(
		reterr, error, NULL, operation,
		"Some NICs match the same fields in all rules of a flow type, and here "
		"rule %u, %s, has other ones than this flow: give it the same fields, or "
		"remove that rule first (ethtool -n %s lists the rules, zcrxctl leases "
		"those of leases).",
		other->location, other_text, d->name);
}
