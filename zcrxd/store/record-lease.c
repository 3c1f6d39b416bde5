/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One lease of the record, to text and back. What can be written is read, and more: limits belong to the
 * source of a value, not here. Enums go by their numbers: version and checksum vouch for the writer.
 */
#include <errno.h>

#include "clock.h"
#include "cpus.h"
#include "json-fields.h"
#include "record-lease.h"

/* In the order in which they are written: of a lease, the id comes first (record_salvage). */
#define NUMBER(key, type, member, presence, last) \
	{ key, JSON_NUMBER, presence, JSON_MEMBER(type, member), last, 0 }
#define OTHER(key, kind, type, member, presence) \
	{ key, kind, presence, JSON_MEMBER(type, member), 0, 0 }

#define F struct record_flow
static const struct json_field flow_fields[] = {
	NUMBER("id", F, id, JSON_ALWAYS, UINT64_MAX),
	NUMBER("state", F, state, JSON_ALWAYS, _FLOW_STATE_MAX - 1),
	NUMBER("location", F, location, JSON_ALWAYS, UINT32_MAX),
	NUMBER("proof", F, proof, JSON_ALWAYS, UINT64_MAX),
	NUMBER("protocol", F, flow.protocol, JSON_ALWAYS, _FLOW_PROTOCOL_MAX - 1),
	OTHER("source", JSON_BYTES, F, flow.source.bytes, JSON_ALWAYS),
	NUMBER("sourcePrefix", F, flow.source.prefix, JSON_ALWAYS, 128),
	OTHER("destination", JSON_BYTES, F, flow.destination.bytes, JSON_ALWAYS),
	NUMBER("destinationPrefix", F, flow.destination.prefix, JSON_ALWAYS, 128),
	NUMBER("sourcePort", F, flow.source_port, JSON_ALWAYS, UINT16_MAX),
	NUMBER("destinationPort", F, flow.destination_port, JSON_ALWAYS, UINT16_MAX),
	OTHER("lifted", JSON_BOOLEAN, F, lifted, JSON_IF_SET),
};
#undef F

#define P struct record_proof
static const struct json_field proof_fields[] = {
	OTHER("wildcard", JSON_BOOLEAN, P, wildcard, JSON_ALWAYS),
	NUMBER("domain", P, facts.domain, JSON_ALWAYS, INT32_MAX),
	NUMBER("type", P, facts.type, JSON_ALWAYS, INT32_MAX),
	NUMBER("protocol", P, facts.protocol, JSON_ALWAYS, INT32_MAX),
	NUMBER("tcpState", P, facts.tcp_state, JSON_ALWAYS, INT32_MAX),
	OTHER("sameNamespace", JSON_BOOLEAN, P, facts.same_netns, JSON_ALWAYS),
	NUMBER("boundIndex", P, facts.bound_index, JSON_ALWAYS, UINT32_MAX),
	OTHER("v6Only", JSON_BOOLEAN, P, facts.v6_only, JSON_ALWAYS),
	OTHER("local", JSON_BYTES, P, facts.local, JSON_ALWAYS),
	OTHER("remote", JSON_BYTES, P, facts.remote, JSON_ALWAYS),
	NUMBER("localPort", P, facts.local_port, JSON_ALWAYS, UINT16_MAX),
	NUMBER("remotePort", P, facts.remote_port, JSON_ALWAYS, UINT16_MAX),
	NUMBER("uid", P, facts.uid, JSON_ALWAYS, UINT32_MAX),
	NUMBER("cookie", P, facts.cookie, JSON_ALWAYS, UINT64_MAX),
	NUMBER("provedBy", P, uid, JSON_LATER, UINT32_MAX),
};
#undef P

/* What Tune has changed of a queue, to be put back. */
#define T struct tuning
static const struct json_field irq_fields[] = {
	NUMBER("irq", T, irq.irq, JSON_IF_SET, UINT32_MAX),
	OTHER("irqAffinity", JSON_TEXT, T, irq.cpus, JSON_IF_SET),
	OTHER("irqSet", JSON_TEXT, T, irq_set, JSON_IF_SET),
	NUMBER("tuned", T, which, JSON_IF_SET, NAPI_EVERYTHING),
};
static const struct json_field napi_fields[] = { /* if anything was tuned */
	NUMBER("deferHardIrqs", T, napi.defer_hard_irqs, JSON_ALWAYS, UINT32_MAX),
	NUMBER("groFlushTimeout", T, napi.gro_flush_timeout, JSON_ALWAYS, UINT64_MAX),
	NUMBER("irqSuspendTimeout", T, napi.irq_suspend_timeout, JSON_ALWAYS, UINT64_MAX),
};
#undef T

#define L struct record_lease
/* Without these there is nothing that could be taken back. */
static const struct json_field essential_fields[] = {
	NUMBER("id", L, id, JSON_ALWAYS, UINT32_MAX),
	NUMBER("ifindex", L, ifindex, JSON_ALWAYS, UINT32_MAX),
};
static const struct json_field lease_fields[] = {
	NUMBER("uid", L, owner_uid, JSON_ALWAYS, UINT32_MAX),
	NUMBER("acquirer", L, acquirer_uid, JSON_LATER, UINT32_MAX),
	NUMBER("pid", L, owner_pid, JSON_ALWAYS, INT32_MAX),
	OTHER("interface", JSON_TEXT, L, interface, JSON_LATER),
	OTHER("hardware", JSON_TEXT, L, hardware, JSON_LATER),
	NUMBER("state", L, state, JSON_ALWAYS, _LEASE_STATE_MAX - 1),
	OTHER("persistent", JSON_BOOLEAN, L, persistent, JSON_ALWAYS),
	OTHER("selfRegistered", JSON_BOOLEAN, L, self_registered, JSON_ALWAYS),
	OTHER("granted", JSON_BOOLEAN, L, granted, JSON_ALWAYS),
	OTHER("regranting", JSON_BOOLEAN, L, regranting, JSON_IF_SET),
	OTHER("force", JSON_BOOLEAN, L, force, JSON_IF_SET),
	NUMBER("grant", L, grant, JSON_ALWAYS, _GRANT_KIND_MAX - 1),
	NUMBER("spread", L, rss, JSON_IF_SET, _LEASE_RSS_MAX - 1),
	NUMBER("context", L, context, JSON_IF_SET, UINT32_MAX),
	NUMBER("creation", L, creation_usec, JSON_ALWAYS, UINT64_MAX),
	NUMBER("expiry", L, expiry_noted, JSON_ALWAYS, UINT64_MAX),
	NUMBER("expiryBoottime", L, expiry_usec, JSON_IF_SET, UINT64_MAX),
	OTHER("left", JSON_BOOLEAN, L, left, JSON_IF_SET),
	NUMBER("maxFlows", L, max_flows, JSON_LATER, UINT64_MAX),
	NUMBER("areaPermitted", L, area_permitted, JSON_IF_SET, UINT64_MAX),
};
#undef L

#define Q struct record_queue
struct record_queue {
	uint32_t queue;
	uint64_t area;
	uid_t client_uid;
	bool watched;
};
static const struct json_field queue_fields[] = {
	NUMBER("queue", Q, queue, JSON_ALWAYS, UINT16_MAX),
	NUMBER("area", Q, area, JSON_ALWAYS, INT64_MAX),
	NUMBER("clientUid", Q, client_uid, JSON_LATER, UINT32_MAX),
	OTHER("watched", JSON_BOOLEAN, Q, watched, JSON_IF_SET),
};
#undef Q

#define READ(r, v, fields, object) json_read(r, v, fields, ARRAY_SIZE(fields), object)
#define WRITE(w, fields, object)   json_write(w, fields, ARRAY_SIZE(fields), object)

/* ------------------------------------------------------------------------------ to text */

static void write_queue(struct json_writer *w, uint32_t queue)
{
	json_write_number(w, "queue", queue == ALL_QUEUES ? 0 : queue);
	if (queue == ALL_QUEUES)
		json_write_number(w, "allQueues", 1);
}

static void write_flow(struct json_writer *w, const struct record_flow *f)
{
	json_open(w, NULL, '{');
	WRITE(w, flow_fields, f);
	write_queue(w, f->queue);
	if (f->state != FLOW_PENDING && f->queue == ALL_QUEUES)
		json_write_number(w, "target", f->target.number);
	json_close(w, '}');
}

static void write_lists(struct json_writer *w, const struct record_lease *l)
{
	json_open(w, "queues", '[');
	for (size_t i = 0; i < l->n_queues; i++) {
		const struct record_queue q = { l->queues[i], l->areas[i], l->client_uids[i], l->watched[i] };

		json_open(w, NULL, '{');
		WRITE(w, queue_fields, &q);
		WRITE(w, irq_fields, &l->found[i]);
		if (l->found[i].which)
			WRITE(w, napi_fields, &l->found[i]);
		json_close(w, '}');
	}
	json_close(w, ']');
	json_open(w, "flows", '[');
	for (size_t i = 0; i < l->n_flows; i++)
		write_flow(w, &l->flows[i]);
	json_close(w, ']');
	json_open(w, "proofs", '[');
	for (size_t i = 0; i < l->n_proofs; i++) {
		json_open(w, NULL, '{');
		WRITE(w, proof_fields, &l->proofs[i]);
		write_queue(w, l->proofs[i].queue);
		json_close(w, '}');
	}
	json_close(w, ']');
}

int record_format_lease(const struct record_lease *l, char **ret)
{
	_cleanup_free_ char *text = NULL;
	struct json_writer w;
	size_t size;
	int r = json_writer_begin(&w, &text, &size);

	if (r < 0)
		return r;
	json_open(&w, NULL, '{');
	WRITE(&w, essential_fields, l);
	if (l->name)
		json_write_text(&w, "name", l->name);
	WRITE(&w, lease_fields, l);
	write_lists(&w, l);
	json_close(&w, '}');
	r = json_writer_end(&w);
	if (r == 0)
		*ret = TAKE_PTR(text);
	return r;
}

/* ---------------------------------------------------------------------------- from text */

static uint32_t read_queue(struct json_reader *r, sd_json_variant *v, const struct record_lease *l)
{
	uint32_t queue = (uint32_t)json_read_number(r, v, "queue", l->n_queues - 1);

	return sd_json_variant_by_key(v, "allQueues") ? ALL_QUEUES : queue;
}

static void read_flow(struct json_reader *r, sd_json_variant *v, const struct record_lease *l,
		      struct record_flow *ret)
{
	READ(r, v, flow_fields, ret);
	ret->queue = read_queue(r, v, l);
	if (ret->queue != ALL_QUEUES)
		ret->target = (struct rule_target){ RULE_TO_QUEUE, l->queues[ret->queue] };
	else {
		ret->target.action = l->rss == LEASE_RSS_PER_FLOW ? RULE_TO_QUEUE : RULE_TO_CONTEXT;
		if (sd_json_variant_by_key(v, "target"))
			ret->target.number = (uint32_t)json_read_number(r, v, "target", UINT32_MAX);
	}
	if (ret->flow.source.prefix > flow_address_bits(ret->flow.protocol) ||
	    ret->flow.destination.prefix > flow_address_bits(ret->flow.protocol) ||
	    flow_validate(&ret->flow, NULL) != 0)
		json_refuse(r, "flows");
}

static void read_proof(struct json_reader *r, sd_json_variant *v, const struct record_lease *l,
		       struct record_proof *ret)
{
	ret->uid = l->owner_uid;
	READ(r, v, proof_fields, ret);
	ret->queue = read_queue(r, v, l);
}

static void read_tuning(struct json_reader *r, sd_json_variant *v, struct tuning *ret)
{
	struct cpus ignored;

	READ(r, v, irq_fields, ret);
	if (ret->which)
		READ(r, v, napi_fields, ret);
	if (ret->irq.irq && cpus_parse(ret->irq.cpus, &ignored) < 0)
		json_refuse(r, "irqAffinity");
}

/* Also where a queue is missing from the kernel by now. */
static void read_queues(struct json_reader *r, struct json_reader *essential, sd_json_variant *v,
			struct record_lease *l)
{
	sd_json_variant *array = sd_json_variant_by_key(v, "queues");
	size_t n = array && sd_json_variant_is_array(array) ? sd_json_variant_elements(array) : 0;

	if (n < 1 || n > LEASE_QUEUES_MAX) {
		json_refuse(essential, "queues");
		return;
	}
	l->n_queues = n;
	for (size_t i = 0; i < n; i++) {
		struct record_queue q = { .client_uid = l->owner_uid };
		sd_json_variant *one = sd_json_variant_by_index(array, i);

		READ(r, one, queue_fields, &q);
		l->queues[i] = (uint32_t)json_read_number(essential, one, "queue", UINT16_MAX);
		l->areas[i] = q.area;
		l->client_uids[i] = q.client_uid;
		l->watched[i] = q.watched;
		read_tuning(r, one, &l->found[i]);
		for (size_t k = 0; k < i; k++)
			if (l->queues[k] == l->queues[i])
				json_refuse(essential, "queues");
	}
}

static void read_name(struct json_reader *r, sd_json_variant *v, struct record_lease *l)
{
	sd_json_variant *name = sd_json_variant_by_key(v, "name");

	if (!name)
		return;
	if (!sd_json_variant_is_string(name) || !(l->name = strdup(sd_json_variant_string(name))))
		json_refuse(r, "name");
}

/* Those that can be read. */
static void read_flows(struct json_reader *r, sd_json_variant *v, struct record_lease *l)
{
	sd_json_variant *array;
	void *list;
	size_t n = json_read_array(r, v, "flows", sizeof(*l->flows), &list, &array);

	if (n > LEASE_FLOWS_MAX) {
		json_refuse(r, "flows"); /* no daemon writes that */
		n = LEASE_FLOWS_MAX;
	}
	l->flows = list;
	for (size_t i = 0; i < n; i++) {
		struct json_reader one = {};

		l->flows[l->n_flows] = (struct record_flow){};
		read_flow(&one, sd_json_variant_by_index(array, i), l, &l->flows[l->n_flows]);
		if (one.bad)
			json_refuse(r, one.bad);
		else
			l->n_flows++;
	}
}

static void read_proofs(struct json_reader *r, sd_json_variant *v, struct record_lease *l)
{
	sd_json_variant *array;
	void *list;
	size_t n = json_read_array(r, v, "proofs", sizeof(*l->proofs), &list, &array);

	l->proofs = list;
	for (size_t i = 0; i < n; i++) {
		struct json_reader one = {};

		l->proofs[l->n_proofs] = (struct record_proof){};
		read_proof(&one, sd_json_variant_by_index(array, i), l, &l->proofs[l->n_proofs]);
		if (one.bad)
			json_refuse(r, one.bad);
		else
			l->n_proofs++;
	}
}

static void read_rest(struct json_reader *r, sd_json_variant *v, struct record_lease *l)
{
	l->max_flows = UINT64_MAX;
	l->acquirer_uid = l->owner_uid;
	READ(r, v, lease_fields, l);
	/* An older zcrxd noted it on the realtime clock only. */
	if (l->expiry_noted && !sd_json_variant_by_key(v, "expiryBoottime"))
		l->expiry_usec = boottime_from_realtime(l->expiry_noted);
	if (l->rss == LEASE_RSS_CONTEXT && l->context == 0) {
		json_refuse(r, "context");
		l->rss = LEASE_RSS_CREATING; /* known by its table */
	}
	read_name(r, v, l);
	read_flows(r, v, l);
	read_proofs(r, v, l);
}

int record_parse_lease_object(sd_json_variant *v, struct record_lease *ret)
{
	struct record_lease l = {};
	struct json_reader r = {}, essential = {};
	int k = 0;

	READ(&essential, v, essential_fields, &l);
	l.owner_uid = (uid_t)json_read_number(&r, v, "uid", UINT32_MAX);
	read_queues(&r, &essential, v, &l);
	if (!essential.bad && (l.id == 0 || l.ifindex == 0))
		json_refuse(&essential, "id");
	if (!essential.bad) {
		read_rest(&r, v, &l);
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
