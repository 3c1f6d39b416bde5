/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows of the protocol, and where they land: for Explain, and where what takes a flow of a lease before
 * its own rule can is told.
 */
#include <errno.h>

#include "json.h"
#include "steering.h"

#define STRING(key, value) SD_JSON_BUILD_PAIR_STRING(key, value)
#define STRING_IF(key, value) SD_JSON_BUILD_PAIR_CONDITION(!!(value), key, SD_JSON_BUILD_STRING(value))
#define UNSIGNED_IF(condition, key, value)                                                         \
	SD_JSON_BUILD_PAIR_CONDITION(condition, key, SD_JSON_BUILD_UNSIGNED(value))

/* ----------------------------------------------------------------------------- flows */

static int json_flow_with(const struct flow *f, const uint64_t *id, sd_json_variant *taken,
			  sd_json_variant **ret)
{
	_cleanup_free_ char *source = NULL, *destination = NULL;
	char digits[24] = "";
	const char *flow_id = id ? digits : NULL;
	int r = 0;

	if (f->source.prefix > 0)
		r = flow_address_format(f->protocol, &f->source, &source);
	if (r == 0 && f->destination.prefix > 0)
		r = flow_address_format(f->protocol, &f->destination, &destination);
	if (r < 0)
		return r;
	if (id)
		snprintf(digits, sizeof(digits), "%llu", (unsigned long long)*id);
	return sd_json_buildo(ret, STRING_IF("flowId", flow_id),
			      STRING("protocol", flow_protocol_to_string(f->protocol)),
			      STRING_IF("source", source), STRING_IF("destination", destination),
			      UNSIGNED_IF(f->source_port != 0, "sourcePort", f->source_port),
			      UNSIGNED_IF(f->destination_port != 0, "destinationPort",
					  f->destination_port),
			      SD_JSON_BUILD_PAIR_CONDITION(!!taken, "takenBy",
							   SD_JSON_BUILD_VARIANT(taken)));
}

int json_flow(const struct flow *f, sd_json_variant **ret)
{
	return json_flow_with(f, NULL, NULL, ret);
}

static int parse_port(sd_json_variant *v, const char *field, uint16_t *ret, struct fault *reterr)
{
	sd_json_variant *p = sd_json_variant_by_key(v, field);

	*ret = 0;
	if (!p || sd_json_variant_is_null(p))
		return 0;
	if (!sd_json_variant_is_unsigned(p) || sd_json_variant_unsigned(p) < 1 ||
	    sd_json_variant_unsigned(p) > UINT16_MAX)
		return fault_set(reterr, ZCRX_INVALID_FLOW, field,
				 "%s of a flow is a number from 1 to 65535.", field);
	*ret = (uint16_t)sd_json_variant_unsigned(p);
	return 0;
}

static int parse_address(sd_json_variant *v, const char *field, enum flow_protocol protocol,
			 struct flow_address *ret, struct fault *reterr)
{
	sd_json_variant *p = sd_json_variant_by_key(v, field);

	*ret = (struct flow_address){};
	if (!p || sd_json_variant_is_null(p))
		return 0;
	if (!sd_json_variant_is_string(p))
		return fault_set(reterr, ZCRX_INVALID_FLOW, field,
				 "%s of a flow is an address with an optional /prefix.", field);
	return flow_address_parse(protocol, sd_json_variant_string(p), field, ret, reterr);
}

int json_parse_flow(sd_json_variant *v, struct flow *ret, struct fault *reterr)
{
	sd_json_variant *protocol = sd_json_variant_by_key(v, "protocol");
	struct flow f = {};
	int r;

	if (!protocol || !sd_json_variant_is_string(protocol) ||
	    flow_protocol_from_string(sd_json_variant_string(protocol), &f.protocol) < 0)
		return fault_set(reterr, ZCRX_INVALID_FLOW, "protocol",
				 "The protocol of a flow is tcp4 or tcp6.");
	r = parse_address(v, "source", f.protocol, &f.source, reterr);
	if (r == 0)
		r = parse_address(v, "destination", f.protocol, &f.destination, reterr);
	if (r == 0)
		r = parse_port(v, "sourcePort", &f.source_port, reterr);
	if (r == 0)
		r = parse_port(v, "destinationPort", &f.destination_port, reterr);
	if (r == 0)
		r = flow_validate(&f, reterr);
	if (r == 0)
		*ret = f;
	return r;
}

int json_lease_flow(const struct lease *l, const struct lease_flow *f, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *taken = NULL;
	int r = json_taken(l, f, &taken);

	return r < 0 ? r : json_flow_with(&f->flow, &f->id, taken, ret);
}

/* -------------------------------------------------------------------------- targets */

/* What becomes of it, for a person. */
static int target_sentence(const struct flow_target *l, const struct lease *lease, char **ret)
{
	const struct nic_rule *rule = l->rule;
	const char *whose = !rule || lease	? "" :
			    !rule->understood	? ", which is not zcrxd's and may match other things too," :
						  ", which is not zcrxd's,";
	int r = -1;

	if (!rule)
		r = asprintf(ret, !l->table ? "The RSS table cannot be read: its queue is unknown." :
				  l->share == TARGET_ALL ? "No rule matches: RSS spreads it." :
							    "What no rule matches is spread by RSS.");
	else if (lease && rule->action == RULE_TO_CONTEXT)
		r = asprintf(ret, "Rule %u has the lease's RSS context %u spread it over its queues.",
			     rule->location, rule->target);
	else if (lease)
		r = asprintf(ret, "Rule %u steers it to the lease's queue %u.", rule->location,
			     rule->target);
	else
		switch (rule->action) {
		case RULE_TO_QUEUE:
			r = asprintf(ret, "Rule %u%s steers it to queue %u.", rule->location, whose,
				     rule->target);
			break;
		case RULE_TO_CONTEXT:
			r = asprintf(ret, "Rule %u%s has RSS context %u spread it.", rule->location,
				     whose, rule->target);
			break;
		case RULE_DROP:
			r = asprintf(ret, "Rule %u%s drops it.", rule->location, whose);
			break;
		case RULE_OTHER:
			r = asprintf(ret, "Rule %u%s sends it elsewhere: to a virtual function, or to "
					  "wake the machine.", rule->location, whose);
			break;
		}
	return r < 0 ? -ENOMEM : 0;
}

static int add_doubt(char **sentence)
{
	char *s;

	if (asprintf(&s, "%s Which of the rules that match it goes by, this driver does not tell.",
		     *sentence) < 0)
		return -ENOMEM;
	free(*sentence);
	*sentence = s;
	return 0;
}

static int build(const struct device *d, const struct flow_target *l, const char *message,
		 sd_json_variant **ret)
{
	const struct lease *lease = l->rule ? leases_find_rule(d, l->rule) : NULL;
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
	_cleanup_free_ uint32_t *queues = NULL;
	_cleanup_free_ char *sentence = NULL;
	bool to_context = l->rule && l->rule->action == RULE_TO_CONTEXT;
	char id[LEASE_ID_DIGITS + 1] = "";
	size_t n_queues;
	int r;

	r = flow_target_queues(l, &queues, &n_queues);
	if (r >= 0)
		r = json_numbers(queues, n_queues, &array);
	if (r >= 0 && !message)
		r = target_sentence(l, lease, &sentence);
	if (r >= 0 && !message && l->tied)
		r = add_doubt(&sentence);
	if (r < 0)
		return r;
	if (lease)
		lease_id_format(lease->id, id);
	return sd_json_buildo(
		ret, SD_JSON_BUILD_PAIR_STRING("share", target_share_to_string(l->share)),
		SD_JSON_BUILD_PAIR_CONDITION(!!l->rule, "rule",
					     SD_JSON_BUILD_UNSIGNED(l->rule ? l->rule->location : 0)),
		SD_JSON_BUILD_PAIR_CONDITION(to_context, "rssContext",
					     SD_JSON_BUILD_UNSIGNED(l->rule ? l->rule->target : 0)),
		SD_JSON_BUILD_PAIR_CONDITION(!!lease, "leaseId", SD_JSON_BUILD_STRING(id)),
		SD_JSON_BUILD_PAIR_VARIANT("queues", array),
		SD_JSON_BUILD_PAIR_STRING("message", message ?: sentence));
}

int json_target(const struct device *d, const struct flow_target *l, sd_json_variant **ret)
{
	return build(d, l, NULL, ret);
}

static const struct rss_table *find_context(const struct nic_state *s, uint32_t context)
{
	for (size_t i = 0; s && i < s->n_contexts; i++)
		if (s->contexts[i].context == context)
			return &s->contexts[i];
	return NULL;
}

int json_taken(const struct lease *l, const struct lease_flow *f, sd_json_variant **ret)
{
	const struct device *d = l->device;
	const struct nic_rule *rule = &f->taken.rule;
	struct flow_target target = { .share = f->taken.share, .rule = rule };
	_cleanup_free_ char *message = NULL;
	int r;

	*ret = NULL;
	if (f->state != FLOW_INSTALLED || !f->taken.any)
		return 0;
	if (rule->action == RULE_TO_CONTEXT)
		target.table = find_context(d->observed, rule->target);
	r = taken_format(&f->taken, &f->flow, d->name, &message);
	return r < 0 ? r : build(d, &target, message, ret);
}
