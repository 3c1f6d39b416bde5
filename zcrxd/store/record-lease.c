/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One lease of the record, from text to values. What the writer (record.c) can write is read, and more:
 * limits belong to the source of a value, not here.
 */
#include <errno.h>

#include "clock.h"
#include "cpus.h"
#include "json-reader.h"
#include "record-lease.h"

static uint32_t get_queue(struct json_reader *r, sd_json_variant *v, const struct record_lease *l)
{
	uint32_t queue = (uint32_t)json_get_unsigned(r, v, "queue", l->n_queues - 1);

	return json_get_optional(r, v, "allQueues", 1) ? ALL_QUEUES : queue;
}

static void parse_flow(struct json_reader *r, sd_json_variant *v, const struct record_lease *l,
		       struct record_flow *ret)
{
	struct flow *f = &ret->flow;

	ret->id = json_get_unsigned(r, v, "id", UINT64_MAX);
	ret->queue = get_queue(r, v, l);
	if (ret->queue != ALL_QUEUES)
		ret->target = (struct rule_target){ RULE_TO_QUEUE, l->queues[ret->queue] };
	else
		ret->target = (struct rule_target){
			l->spread == SPREAD_DEALT ? RULE_TO_QUEUE : RULE_TO_CONTEXT,
			(uint32_t)json_get_optional(r, v, "target", UINT32_MAX),
		};
	ret->state = (enum flow_state)json_get_unsigned(r, v, "state", _FLOW_STATE_MAX - 1);
	ret->location = (uint32_t)json_get_unsigned(r, v, "location", UINT32_MAX);
	ret->proof = json_get_unsigned(r, v, "proof", UINT64_MAX);
	f->protocol = (enum flow_protocol)json_get_unsigned(r, v, "protocol", _FLOW_PROTOCOL_MAX - 1);
	json_get_bytes(r, v, "source", f->source.bytes);
	f->source.prefix = (uint8_t)json_get_unsigned(r, v, "sourcePrefix",
						 flow_address_bits(f->protocol));
	json_get_bytes(r, v, "destination", f->destination.bytes);
	f->destination.prefix = (uint8_t)json_get_unsigned(r, v, "destinationPrefix",
						      flow_address_bits(f->protocol));
	f->source_port = (uint16_t)json_get_unsigned(r, v, "sourcePort", UINT16_MAX);
	f->destination_port = (uint16_t)json_get_unsigned(r, v, "destinationPort", UINT16_MAX);
	if (flow_validate(f, NULL) != 0)
		json_refuse(r, "flows");
}

static void parse_proof(struct json_reader *r, sd_json_variant *v, const struct record_lease *l,
			struct record_proof *ret)
{
	struct socket_facts *f = &ret->facts;

	ret->queue = get_queue(r, v, l);
	ret->wildcard = json_get_boolean(r, v, "wildcard");
	f->domain = (int)json_get_unsigned(r, v, "domain", INT32_MAX);
	f->type = (int)json_get_unsigned(r, v, "type", INT32_MAX);
	f->protocol = (int)json_get_unsigned(r, v, "protocol", INT32_MAX);
	f->tcp_state = (int)json_get_unsigned(r, v, "tcpState", INT32_MAX);
	f->same_netns = json_get_boolean(r, v, "sameNamespace");
	f->bound_index = (unsigned)json_get_unsigned(r, v, "boundIndex", UINT32_MAX);
	f->v6_only = json_get_boolean(r, v, "v6Only");
	json_get_bytes(r, v, "local", f->local);
	json_get_bytes(r, v, "remote", f->remote);
	f->local_port = (uint16_t)json_get_unsigned(r, v, "localPort", UINT16_MAX);
	f->remote_port = (uint16_t)json_get_unsigned(r, v, "remotePort", UINT16_MAX);
	f->uid = (uid_t)json_get_unsigned(r, v, "uid", UINT32_MAX);
	f->cookie = json_get_unsigned(r, v, "cookie", UINT64_MAX);
	ret->uid = sd_json_variant_by_key(v, "provedBy")
			   ? (uid_t)json_get_unsigned(r, v, "provedBy", UINT32_MAX)
			   : l->owner_uid;
}

static void parse_found(struct json_reader *r, sd_json_variant *q, struct tuning *ret)
{
	struct cpus ignored;

	ret->irq.irq = (uint32_t)json_get_optional(r, q, "irq", UINT32_MAX);
	json_get_string(r, q, "irqAffinity", ret->irq.cpus, sizeof(ret->irq.cpus));
	if (ret->irq.irq && cpus_parse(ret->irq.cpus, &ignored) < 0)
		json_refuse(r, "irqAffinity");
	ret->which = (unsigned)json_get_optional(r, q, "tuned", NAPI_EVERYTHING);
	if (ret->which)
		ret->napi = (struct napi_settings){
			(uint32_t)json_get_unsigned(r, q, "deferHardIrqs", UINT32_MAX),
			json_get_unsigned(r, q, "groFlushTimeout", UINT64_MAX),
			json_get_unsigned(r, q, "irqSuspendTimeout", UINT64_MAX),
		};
}

/* Also where a queue is missing from the kernel by now. */
static void parse_queues(struct json_reader *r, struct json_reader *essential, sd_json_variant *v,
			 struct record_lease *l)
{
	sd_json_variant *array = sd_json_variant_by_key(v, "queues");

	if (!array || !sd_json_variant_is_array(array) || sd_json_variant_elements(array) < 1 ||
	    sd_json_variant_elements(array) > LEASE_QUEUES_MAX) {
		json_refuse(essential, "queues");
		return;
	}
	l->n_queues = sd_json_variant_elements(array);
	for (size_t i = 0; i < l->n_queues; i++) {
		sd_json_variant *q = sd_json_variant_by_index(array, i);

		l->queues[i] = (uint32_t)json_get_unsigned(essential, q, "queue", UINT16_MAX);
		l->areas[i] = json_get_unsigned(r, q, "area", INT64_MAX);
		l->client_uids[i] = sd_json_variant_by_key(q, "clientUid")
					    ? (uid_t)json_get_unsigned(r, q, "clientUid", UINT32_MAX)
					    : l->owner_uid;
		parse_found(r, q, &l->found[i]);
		for (size_t k = 0; k < i; k++)
			if (l->queues[k] == l->queues[i])
				json_refuse(essential, "queues");
	}
}

static void parse_name(struct json_reader *r, sd_json_variant *v, struct record_lease *l)
{
	sd_json_variant *name = sd_json_variant_by_key(v, "name");

	if (!name)
		return;
	if (!sd_json_variant_is_string(name) || !(l->name = strdup(sd_json_variant_string(name))))
		json_refuse(r, "name");
}

/* Those that can be read. */
static void parse_flows(struct json_reader *r, sd_json_variant *v, struct record_lease *l)
{
	sd_json_variant *array;
	void *list;
	size_t n = json_get_array(r, v, "flows", sizeof(*l->flows), &list, &array);

	if (n > LEASE_FLOWS_MAX) {
		json_refuse(r, "flows"); /* no daemon writes that */
		n = LEASE_FLOWS_MAX;
	}
	l->flows = list;
	for (size_t i = 0; i < n; i++) {
		struct json_reader one = {};

		parse_flow(&one, sd_json_variant_by_index(array, i), l, &l->flows[l->n_flows]);
		if (one.bad)
			json_refuse(r, one.bad);
		else
			l->n_flows++;
	}
}

static void parse_proofs(struct json_reader *r, sd_json_variant *v, struct record_lease *l)
{
	sd_json_variant *array;
	void *list;
	size_t n = json_get_array(r, v, "proofs", sizeof(*l->proofs), &list, &array);

	l->proofs = list;
	for (size_t i = 0; i < n; i++) {
		struct json_reader one = {};

		parse_proof(&one, sd_json_variant_by_index(array, i), l, &l->proofs[l->n_proofs]);
		if (one.bad)
			json_refuse(r, one.bad);
		else
			l->n_proofs++;
	}
}

/* An older zcrxd noted it on the realtime clock. */
static uint64_t get_expiry(struct json_reader *r, sd_json_variant *v)
{
	uint64_t realtime = json_get_unsigned(r, v, "expiry", UINT64_MAX);

	if (sd_json_variant_by_key(v, "expiryBoottime"))
		return json_get_unsigned(r, v, "expiryBoottime", UINT64_MAX);
	return realtime ? boottime_from_realtime(realtime) : 0;
}

static void parse_rest(struct json_reader *r, sd_json_variant *v, struct record_lease *l)
{
	l->owner_pid = (pid_t)json_get_unsigned(r, v, "pid", INT32_MAX);
	l->state = (enum lease_state)json_get_unsigned(r, v, "state", _LEASE_STATE_MAX - 1);
	l->persistent = json_get_boolean(r, v, "persistent");
	l->self_registered = json_get_boolean(r, v, "selfRegistered");
	l->granted = json_get_boolean(r, v, "granted");
	l->force = sd_json_variant_by_key(v, "force") && json_get_boolean(r, v, "force");
	l->grant = (enum grant_kind)json_get_unsigned(r, v, "grant", _GRANT_KIND_MAX - 1);
	l->creation_usec = json_get_unsigned(r, v, "creation", UINT64_MAX);
	l->expiry_usec = get_expiry(r, v);
	l->left = sd_json_variant_by_key(v, "left") && json_get_boolean(r, v, "left");
	l->spread = (enum spread_state)json_get_optional(r, v, "spread", _SPREAD_STATE_MAX - 1);
	l->context = (uint32_t)json_get_optional(r, v, "context", UINT32_MAX);
	if (l->spread == SPREAD_CONTEXT && l->context == 0) {
		json_refuse(r, "context");
		l->spread = SPREAD_MAKING; /* known by its table */
	}
	l->max_flows = sd_json_variant_by_key(v, "maxFlows")
			       ? json_get_unsigned(r, v, "maxFlows", UINT64_MAX)
			       : UINT64_MAX;
	parse_name(r, v, l);
	json_get_string(r, v, "interface", l->interface, sizeof(l->interface));
	json_get_string(r, v, "hardware", l->hardware, sizeof(l->hardware));
	parse_flows(r, v, l);
	parse_proofs(r, v, l);
}

int record_parse_lease_object(sd_json_variant *v, struct record_lease *ret)
{
	struct record_lease l = {};
	struct json_reader r = {}, essential = {};
	int k = 0;

	l.id = (uint32_t)json_get_unsigned(&essential, v, "id", UINT32_MAX);
	l.ifindex = (unsigned)json_get_unsigned(&essential, v, "ifindex", UINT32_MAX);
	l.owner_uid = (uid_t)json_get_unsigned(&r, v, "uid", UINT32_MAX);
	parse_queues(&r, &essential, v, &l);
	if (!essential.bad && (l.id == 0 || l.ifindex == 0))
		json_refuse(&essential, "id");
	if (!essential.bad) {
		parse_rest(&r, v, &l);
		k = sd_json_variant_format(v, 0, &l.text);
	}
	if (essential.bad || k < 0) {
		ret->id = l.id;
		record_lease_done(&l);
		ret->damaged = essential.bad;
		return k < 0 ? k : -EBADMSG;
	}
	if (r.bad) {
		l.damaged = r.bad;
		l.state = LEASE_DRAINING;
	}
	*ret = l;
	return 0;
}

int record_parse_lease(const char *text, struct record_lease *ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;

	*ret = (struct record_lease){};
	return sd_json_parse(text, 0, &v, NULL, NULL) < 0 ? -EBADMSG : record_parse_lease_object(v, ret);
}
