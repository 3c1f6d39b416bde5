/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases in the JSON of the protocol; see json.h.
 */
#include "clock.h"
#include "json.h"
#include "json-build.h"
#include "left-out.h"
#include "shortage.h"

static int json_lease_flows(const struct lease *l, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
	int r;

	r = sd_json_variant_new_array(&array, NULL, 0);
	for (size_t i = 0; r >= 0 && i < l->n_flows; i++) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;

		r = json_lease_flow(l, l->flows[i], &v);
		if (r >= 0)
			r = sd_json_variant_append_array(&array, v);
	}
	*ret = TAKE_PTR(array);
	return r;
}

int json_numbers(const uint32_t *numbers, size_t n, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
	int r;

	r = sd_json_variant_new_array(&array, NULL, 0);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = sd_json_variant_append_arrayb(&array, SD_JSON_BUILD_UNSIGNED(numbers[i]));
	*ret = TAKE_PTR(array);
	return r;
}

static const char *rss_name(enum lease_rss s)
{
	switch (s) {
	case LEASE_RSS_CONTEXT:
		return "context";
	case LEASE_RSS_PER_FLOW:
		return "perFlow";
	case LEASE_RSS_NONE:
	case LEASE_RSS_CREATING:
	case _LEASE_RSS_MAX:
		break;
	}
	return NULL;
}

int json_napi_ids(const struct lease *l, sd_json_variant **ret)
{
	uint32_t ids[LEASE_QUEUES_MAX];

	for (unsigned i = 0; i < l->n_queues; i++)
		ids[i] = l->per_queue[i].bound ? l->per_queue[i].napi_id : 0;
	return json_numbers(ids, l->n_queues, ret);
}

int json_lease(struct lease *l, sd_json_variant **ret)
{
	_cleanup_free_ char *left_out = NULL, *shortage = NULL;
	const struct nic_state *s = l->device->observed;
	const char *spread = rss_name(l->rss);
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *flows = NULL, *queues = NULL, *napi_ids = NULL;
	char id[LEASE_ID_DIGITS + 1];
	struct nic_demand demand;
	int r;

	device_demand(l->device, &demand);
	r = json_lease_flows(l, &flows);
	if (r >= 0)
		r = json_numbers(l->queues, l->n_queues, &queues);
	if (r >= 0)
		r = json_napi_ids(l, &napi_ids);
	if (r >= 0)
		r = lease_left_out_format(l, &left_out);
	if (r >= 0)
		r = lease_shortage_format(l, &shortage);
	if (r < 0)
		return r;
	lease_id_format(l->id, id);
	return sd_json_buildo(
		ret, STRING("leaseId", id), STRING_IF("name", l->name),
		UNSIGNED("ownerUid", l->owner_uid),
		UNSIGNED_IF(l->acquirer_uid != l->owner_uid, "acquirerUid", l->acquirer_uid),
		UNSIGNED("ownerPid", (unsigned)l->owner_pid),
		STRING("interface", device_name(l->device)),
		SD_JSON_BUILD_PAIR_VARIANT("hardwareQueues", queues),
		SD_JSON_BUILD_PAIR_VARIANT("napiIds", napi_ids), STRING_IF("spread", spread),
		UNSIGNED_IF(l->rss == LEASE_RSS_CONTEXT, "rssContext", l->context),
		STRING("grant", grant_kind_to_string(l->grant.kind)),
		STRING("state", lease_state_to_string(l->state)),
		BOOLEAN("persistent", l->persistent), BOOLEAN("selfRegistered", l->self_registered),
		SD_JSON_BUILD_PAIR_VARIANT("flows", flows), STRING_IF("notSteered", left_out), STRING_IF("shortage", shortage),
		UNSIGNED("creationUSec", l->creation_usec),
		UNSIGNED_IF(l->expiry_usec != 0, "expiryUSec",
			    tell_boottime(l->expiry_usec, &l->expiry_told)),
		UNSIGNED("areaBytes", lease_area(l)),
		UNSIGNED_IF(demand.least > 0, "leastAreaBytes", demand.least),
		UNSIGNED_IF(demand.ring > 0, "recommendedAreaBytes", demand.recommended),
		UNSIGNED_IF(l->area_permitted > 0, "permittedAreaBytes", l->area_permitted),
		/* Also what is left out is computed. */
		UNSIGNED_IF(s && s->has_rings, "ringEntries", s ? s->rx_ring : 0),
		UNSIGNED_IF(l->device->link.mtu > 0, "mtu", l->device->link.mtu));
}
