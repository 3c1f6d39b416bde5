/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a configuration: they are one, or there is a complaint that names file, line, column
 * and key. Never both, never neither.
 */
#include <assert.h>

#include "config.h"
#include "fuzz.h"

static void check_policy(const struct config *c)
{
	for (size_t i = 0; i < c->n_policy; i++) {
		const struct policy_rule *rule = &c->policy[i];

		assert(rule->max_area > 0 && rule->max_lease_time > 0);
		assert((rule->flows == POLICY_FLOWS_LIST) == (rule->n_flow_list > 0));
		for (size_t k = 0; k < rule->n_flow_list; k++)
			assert(rule->flow_list[k].port_first <= rule->flow_list[k].port_last);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(config_freep) struct config *c = NULL;
	_cleanup_fault_ struct fault f = {};
	int r;

	r = config_parse((const char *)data, size, "FILE", &c, &f);
	if (r != 0) {
		assert(r == ZCRX_INVALID_PARAMETER);
		assert(!c && f.subject && f.message && !strncmp(f.message, "FILE:", 5));
		assert(strstr(f.message, ": found ") && strstr(f.message, ", expected "));
		return 0;
	}
	assert(c);
	for (size_t i = 0; i < c->n_interfaces; i++) {
		const struct config_interface *n = &c->interfaces[i];

		assert(!!n->name + !!n->driver + !!n->mac + !!n->path == 1);
		assert(n->zero_copy_queues >= 1 && n->tcp_data_split && n->hds_threshold == 0);
		assert(n->channels_mode != CHANNELS_COUNT || n->channels > n->zero_copy_queues);
	}
	check_policy(c);
	return 0;
}
