/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Acquire. See acquire.h.
 */
#include <errno.h>

#include "acquire.h"

int flow_to_json(const struct flow *flow, sd_json_variant **ret)
{
	_cleanup_free_ char *source = NULL, *destination = NULL;

	if (flow_address_format(flow->protocol, &flow->source, &source) < 0 ||
	    flow_address_format(flow->protocol, &flow->destination, &destination) < 0)
		return -ENOMEM;
	return sd_json_buildo(
		ret, SD_JSON_BUILD_PAIR_STRING("protocol", flow_protocol_to_string(flow->protocol)),
		SD_JSON_BUILD_PAIR_CONDITION(flow->source.prefix > 0, "source",
					     SD_JSON_BUILD_STRING(source)),
		SD_JSON_BUILD_PAIR_CONDITION(flow->destination.prefix > 0, "destination",
					     SD_JSON_BUILD_STRING(destination)),
		SD_JSON_BUILD_PAIR_CONDITION(flow->source_port > 0, "sourcePort",
					     SD_JSON_BUILD_UNSIGNED(flow->source_port)),
		SD_JSON_BUILD_PAIR_CONDITION(flow->destination_port > 0, "destinationPort",
					     SD_JSON_BUILD_UNSIGNED(flow->destination_port)));
}

static int flows_to_json(const struct ctl *ctl, sd_json_variant **ret)
{
	_cleanup_json_ sd_json_variant *flows = NULL;
	int r = sd_json_variant_new_array(&flows, NULL, 0);

	for (size_t i = 0; r >= 0 && i < ctl->n_flows; i++) {
		_cleanup_json_ sd_json_variant *flow = NULL;

		r = flow_to_json(&ctl->flows[i], &flow);
		if (r >= 0)
			r = sd_json_variant_append_array(&flows, flow);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(flows);
	return 0;
}

enum exit_status ctl_acquire(const struct ctl *ctl, sd_varlink *link, const char *interface,
			     bool persistent, const uid_t *owner, sd_json_variant **ret_reply)
{
	_cleanup_json_ sd_json_variant *flows = NULL, *parameters = NULL;

	if (flows_to_json(ctl, &flows) < 0 ||
	    sd_json_buildo(&parameters,
			   SD_JSON_BUILD_PAIR_CONDITION(interface != NULL, "interface",
							SD_JSON_BUILD_STRING(interface)),
			   SD_JSON_BUILD_PAIR_CONDITION(ctl->queues > 0, "queues",
							SD_JSON_BUILD_UNSIGNED(ctl->queues)),
			   SD_JSON_BUILD_PAIR_CONDITION(ctl->name != NULL, "name",
							SD_JSON_BUILD_STRING(ctl->name)),
			   SD_JSON_BUILD_PAIR_CONDITION(persistent, "persistent",
							SD_JSON_BUILD_BOOLEAN(true)),
			   SD_JSON_BUILD_PAIR_CONDITION(ctl->ttl_usec > 0, "timeToLiveUSec",
							SD_JSON_BUILD_UNSIGNED(ctl->ttl_usec)),
			   SD_JSON_BUILD_PAIR_CONDITION(owner != NULL, "ownerUid",
							SD_JSON_BUILD_UNSIGNED(owner ? *owner : 0)),
			   SD_JSON_BUILD_PAIR_CONDITION(ctl->n_flows > 0, "flows",
							SD_JSON_BUILD_VARIANT(flows))) < 0)
		return ctl_oom();
	return ctl_call(link, "Acquire", parameters, ret_reply);
}
