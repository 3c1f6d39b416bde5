/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See record.h. Enums go by their numbers: version and checksum vouch for the writer.
 */
#include <errno.h>
#include <inttypes.h>

#include "cpus.h"
#include "leases.h"
#include "record.h"
#include "strays.h"

#define UNSIGNED(key, value) SD_JSON_BUILD_PAIR_UNSIGNED(key, value)

/* ------------------------------------------------------------------------------ to text */

static int build_flow(const struct lease_flow *f, sd_json_variant **ret)
{
	uint64_t proof = f->proof ? f->proof->facts.cookie : 0;
	/* On its way because its client counts on it: the next daemon goes on with it. */
	enum flow_state state = f->state == FLOW_INSTALLING && !f->asked ? FLOW_INSTALLED : f->state;
	bool all = f->queue == ALL_QUEUES;

	return sd_json_buildo(
		ret, UNSIGNED("id", f->id), UNSIGNED("queue", all ? 0 : f->queue),
		SD_JSON_BUILD_PAIR_CONDITION(all, "allQueues", SD_JSON_BUILD_UNSIGNED(1)),
		SD_JSON_BUILD_PAIR_CONDITION(f->state != FLOW_PENDING && all, "target",
					     SD_JSON_BUILD_UNSIGNED(f->target.number)),
		UNSIGNED("state", state), UNSIGNED("location", f->location), UNSIGNED("proof", proof),
		UNSIGNED("protocol", f->flow.protocol),
		SD_JSON_BUILD_PAIR_HEX("source", f->flow.source.bytes, 16),
		UNSIGNED("sourcePrefix", f->flow.source.prefix),
		SD_JSON_BUILD_PAIR_HEX("destination", f->flow.destination.bytes, 16),
		UNSIGNED("destinationPrefix", f->flow.destination.prefix),
		UNSIGNED("sourcePort", f->flow.source_port),
		UNSIGNED("destinationPort", f->flow.destination_port));
}

static int build_proof(const struct proof *p, sd_json_variant **ret)
{
	const struct socket_facts *f = &p->facts;

	return sd_json_buildo(
		ret, UNSIGNED("queue", p->queue == ALL_QUEUES ? 0 : p->queue),
		SD_JSON_BUILD_PAIR_CONDITION(p->queue == ALL_QUEUES, "allQueues",
					     SD_JSON_BUILD_UNSIGNED(1)),
		SD_JSON_BUILD_PAIR_BOOLEAN("wildcard", p->wildcard),
		UNSIGNED("domain", (unsigned)f->domain), UNSIGNED("type", (unsigned)f->type),
		UNSIGNED("protocol", (unsigned)f->protocol),
		UNSIGNED("tcpState", (unsigned)f->tcp_state),
		SD_JSON_BUILD_PAIR_BOOLEAN("sameNamespace", f->same_netns),
		UNSIGNED("boundIndex", f->bound_index),
		SD_JSON_BUILD_PAIR_BOOLEAN("v6Only", f->v6_only),
		SD_JSON_BUILD_PAIR_HEX("local", f->local, 16),
		SD_JSON_BUILD_PAIR_HEX("remote", f->remote, 16),
		UNSIGNED("localPort", f->local_port), UNSIGNED("remotePort", f->remote_port),
		UNSIGNED("uid", f->uid), UNSIGNED("cookie", f->cookie));
}

static int append(sd_json_variant **array, int r, sd_json_variant *v)
{
	if (r >= 0)
		r = sd_json_variant_append_array(array, v);
	sd_json_variant_unref(v);
	return r;
}

/* What Tune has changed of a queue, to be put back. */
static int build_found(const struct tuning *t, sd_json_variant **v)
{
	int r = 0;

	if (t->which)
		r = sd_json_variant_merge_objectbo(
			v, UNSIGNED("tuned", t->which),
			UNSIGNED("deferHardIrqs", t->napi.defer_hard_irqs),
			UNSIGNED("groFlushTimeout", t->napi.gro_flush_timeout),
			UNSIGNED("irqSuspendTimeout", t->napi.irq_suspend_timeout));
	if (r >= 0 && t->irq.irq)
		r = sd_json_variant_merge_objectbo(
			v, UNSIGNED("irq", t->irq.irq),
			SD_JSON_BUILD_PAIR_STRING("irqAffinity", t->irq.cpus));
	return r;
}

static int build_lease(struct lease *l, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *queues = NULL, *flows = NULL,
							  *proofs = NULL;
	struct proof *p;
	int r;

	r = sd_json_variant_new_array(&queues, NULL, 0);
	if (r >= 0)
		r = sd_json_variant_new_array(&flows, NULL, 0);
	if (r >= 0)
		r = sd_json_variant_new_array(&proofs, NULL, 0);
	for (unsigned i = 0; r >= 0 && i < l->n_queues; i++) {
		sd_json_variant *v = NULL;

		r = sd_json_buildo(&v, UNSIGNED("queue", l->queues[i]),
				   UNSIGNED("area", l->per_queue[i].area));
		if (r >= 0)
			r = build_found(&l->per_queue[i].found, &v);
		r = append(&queues, r, v);
	}
	for (size_t i = 0; r >= 0 && i < l->n_flows; i++) {
		sd_json_variant *v = NULL;

		r = build_flow(l->flows[i], &v);
		r = append(&flows, r, v);
	}
	for (p = LIST_FIRST(&l->proofs); r >= 0 && p; p = LIST_NEXT(p, entry)) {
		sd_json_variant *v = NULL;

		r = build_proof(p, &v);
		r = append(&proofs, r, v);
	}
	if (r < 0)
		return r;
	return sd_json_buildo(
		ret, UNSIGNED("id", l->id),
		SD_JSON_BUILD_PAIR_CONDITION(!!l->name, "name", SD_JSON_BUILD_STRING(l->name)),
		UNSIGNED("uid", l->owner_uid), UNSIGNED("pid", (unsigned)l->owner_pid),
		UNSIGNED("ifindex", l->ifindex),
		SD_JSON_BUILD_PAIR_STRING("interface", l->device->name),
		SD_JSON_BUILD_PAIR_STRING("hardware", nic_link_hardware_address(&l->device->link)),
		UNSIGNED("state", l->state),
		SD_JSON_BUILD_PAIR_BOOLEAN("persistent", l->persistent),
		SD_JSON_BUILD_PAIR_BOOLEAN("selfRegistered", l->self_registered),
		SD_JSON_BUILD_PAIR_BOOLEAN("granted", l->granted),
		SD_JSON_BUILD_PAIR_CONDITION(l->force, "force", SD_JSON_BUILD_BOOLEAN(true)),
		UNSIGNED("grant", l->grant.kind),
		SD_JSON_BUILD_PAIR_VARIANT("queues", queues),
		SD_JSON_BUILD_PAIR_CONDITION(l->spread != SPREAD_NONE, "spread",
					     SD_JSON_BUILD_UNSIGNED(l->spread)),
		SD_JSON_BUILD_PAIR_CONDITION(l->spread == SPREAD_CONTEXT, "context",
					     SD_JSON_BUILD_UNSIGNED(l->context)),
		UNSIGNED("creation", l->creation_usec), UNSIGNED("expiry", l->expiry_usec),
		SD_JSON_BUILD_PAIR_VARIANT("flows", flows),
		SD_JSON_BUILD_PAIR_VARIANT("proofs", proofs));
}

void record_forget(struct lease *l)
{
	free(TAKE_PTR(l->record));
}

int record_format_lease(struct lease *l)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	int r;

	if (l->record)
		return 0;
	r = build_lease(l, &v);
	return r < 0 ? r : sd_json_variant_format(v, 0, &l->record);
}

int record_format(struct manager *m, char **ret)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *text = NULL;
	const char *separator = "";
	size_t size;
	struct lease *l;
	struct stray *s;
	int r;

	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	fprintf(f, "{\"lastFlowId\":%" PRIu64 ",\"leases\":[", m->last_flow_id);
	TAILQ_FOREACH(l, &m->leases, entry) {
		if (l->n_queues == 0)
			continue; /* it holds nothing that would have to be taken back */
		r = record_format_lease(l);
		if (r < 0)
			return r;
		fputs(separator, f);
		fputs(l->record, f);
		separator = ",";
	}
	fputs("],\"strays\":[", f);
	separator = "";
	TAILQ_FOREACH(s, &m->strays, entry) {
		fputs(separator, f);
		fputs(s->text, f);
		separator = ",";
	}
	fputs("]}", f);
	r = ferror(f) ? -ENOMEM : 0;
	if (fclose(TAKE_PTR(f)) != 0 || r < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}

/* ---------------------------------------------------------------------------- from text */

/* Reading stops caring at the first thing that is wrong; what is read then is thrown away. */
struct reader {
	bool bad;
};

static uint64_t get_unsigned(struct reader *r, sd_json_variant *v, const char *key, uint64_t last)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	if (!f || !sd_json_variant_is_unsigned(f) || sd_json_variant_unsigned(f) > last) {
		r->bad = true;
		return 0;
	}
	return sd_json_variant_unsigned(f);
}

static bool get_boolean(struct reader *r, sd_json_variant *v, const char *key)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	if (!f || !sd_json_variant_is_boolean(f)) {
		r->bad = true;
		return false;
	}
	return sd_json_variant_boolean(f);
}

/* Of later versions of the daemon: an earlier one's record lacks them. */
static uint64_t get_optional(struct reader *r, sd_json_variant *v, const char *key, uint64_t last)
{
	return sd_json_variant_by_key(v, key) ? get_unsigned(r, v, key, last) : 0;
}

static uint32_t get_queue(struct reader *r, sd_json_variant *v, const struct record_lease *l)
{
	uint32_t queue = (uint32_t)get_unsigned(r, v, "queue", l->n_queues - 1);

	return get_optional(r, v, "allQueues", 1) ? ALL_QUEUES : queue;
}

static void get_bytes(struct reader *r, sd_json_variant *v, const char *key, uint8_t ret[16])
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);
	_cleanup_free_ void *bytes = NULL;
	size_t n = 0;

	if (!f || sd_json_variant_unhex(f, &bytes, &n) < 0 || n != 16) {
		r->bad = true;
		return;
	}
	memcpy(ret, bytes, 16);
}

/* The number of elements, with room for them in *ret. */
static size_t get_array(struct reader *r, sd_json_variant *v, const char *key, size_t last,
			size_t size, void **ret, sd_json_variant **ret_array)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);
	size_t n;

	*ret = NULL;
	*ret_array = f;
	if (r->bad || !f || !sd_json_variant_is_array(f) || sd_json_variant_elements(f) > last) {
		r->bad = true;
		return 0;
	}
	n = sd_json_variant_elements(f);
	*ret = calloc(n + 1, size);
	if (!*ret)
		r->bad = true;
	return *ret ? n : 0;
}

static void parse_flow(struct reader *r, sd_json_variant *v, const struct record_lease *l,
		       struct record_flow *ret)
{
	struct flow *f = &ret->flow;

	ret->id = get_unsigned(r, v, "id", UINT64_MAX);
	ret->queue = get_queue(r, v, l);
	if (ret->queue != ALL_QUEUES)
		ret->target = (struct rule_target){ RULE_TO_QUEUE, l->queues[ret->queue] };
	else
		ret->target = (struct rule_target){
			l->spread == SPREAD_DEALT ? RULE_TO_QUEUE : RULE_TO_CONTEXT,
			(uint32_t)get_optional(r, v, "target", UINT32_MAX),
		};
	ret->state = (enum flow_state)get_unsigned(r, v, "state", _FLOW_STATE_MAX - 1);
	ret->location = (uint32_t)get_unsigned(r, v, "location", UINT32_MAX);
	ret->proof = get_unsigned(r, v, "proof", UINT64_MAX);
	f->protocol = (enum flow_protocol)get_unsigned(r, v, "protocol", _FLOW_PROTOCOL_MAX - 1);
	get_bytes(r, v, "source", f->source.bytes);
	f->source.prefix = (uint8_t)get_unsigned(r, v, "sourcePrefix",
						 flow_address_bits(f->protocol));
	get_bytes(r, v, "destination", f->destination.bytes);
	f->destination.prefix = (uint8_t)get_unsigned(r, v, "destinationPrefix",
						      flow_address_bits(f->protocol));
	f->source_port = (uint16_t)get_unsigned(r, v, "sourcePort", UINT16_MAX);
	f->destination_port = (uint16_t)get_unsigned(r, v, "destinationPort", UINT16_MAX);
	if (flow_validate(f, NULL) != 0)
		r->bad = true;
}

static void parse_proof(struct reader *r, sd_json_variant *v, const struct record_lease *l,
			struct record_proof *ret)
{
	struct socket_facts *f = &ret->facts;

	ret->queue = get_queue(r, v, l);
	ret->wildcard = get_boolean(r, v, "wildcard");
	f->domain = (int)get_unsigned(r, v, "domain", INT32_MAX);
	f->type = (int)get_unsigned(r, v, "type", INT32_MAX);
	f->protocol = (int)get_unsigned(r, v, "protocol", INT32_MAX);
	f->tcp_state = (int)get_unsigned(r, v, "tcpState", INT32_MAX);
	f->same_netns = get_boolean(r, v, "sameNamespace");
	f->bound_index = (unsigned)get_unsigned(r, v, "boundIndex", UINT32_MAX);
	f->v6_only = get_boolean(r, v, "v6Only");
	get_bytes(r, v, "local", f->local);
	get_bytes(r, v, "remote", f->remote);
	f->local_port = (uint16_t)get_unsigned(r, v, "localPort", UINT16_MAX);
	f->remote_port = (uint16_t)get_unsigned(r, v, "remotePort", UINT16_MAX);
	f->uid = (uid_t)get_unsigned(r, v, "uid", UINT32_MAX);
	f->cookie = get_unsigned(r, v, "cookie", UINT64_MAX);
}

/* Optional likewise. */
static void get_string(struct reader *r, sd_json_variant *v, const char *key, char *ret, size_t size)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	if (!f)
		return;
	if (!sd_json_variant_is_string(f) || strlen(sd_json_variant_string(f)) >= size)
		r->bad = true;
	else
		strcpy(ret, sd_json_variant_string(f));
}

static void parse_found(struct reader *r, sd_json_variant *q, struct tuning *ret)
{
	struct cpus ignored;

	ret->irq.irq = (uint32_t)get_optional(r, q, "irq", UINT32_MAX);
	get_string(r, q, "irqAffinity", ret->irq.cpus, sizeof(ret->irq.cpus));
	if (ret->irq.irq && cpus_parse(ret->irq.cpus, &ignored) < 0)
		r->bad = true;
	ret->which = (unsigned)get_optional(r, q, "tuned", NAPI_EVERYTHING);
	if (ret->which)
		ret->napi = (struct napi_settings){
			(uint32_t)get_unsigned(r, q, "deferHardIrqs", UINT32_MAX),
			get_unsigned(r, q, "groFlushTimeout", UINT64_MAX),
			get_unsigned(r, q, "irqSuspendTimeout", UINT64_MAX),
		};
}

static void parse_queues(struct reader *r, sd_json_variant *v, struct record_lease *l)
{
	sd_json_variant *array = sd_json_variant_by_key(v, "queues");

	if (!array || !sd_json_variant_is_array(array) || sd_json_variant_elements(array) < 1 ||
	    sd_json_variant_elements(array) > LEASE_QUEUES_MAX) {
		r->bad = true;
		return;
	}
	l->n_queues = sd_json_variant_elements(array);
	for (size_t i = 0; i < l->n_queues; i++) {
		sd_json_variant *q = sd_json_variant_by_index(array, i);

		l->queues[i] = (uint32_t)get_unsigned(r, q, "queue", UINT16_MAX);
		l->areas[i] = get_unsigned(r, q, "area", INT64_MAX);
		parse_found(r, q, &l->found[i]);
		for (size_t k = 0; k < i; k++)
			if (l->queues[k] == l->queues[i])
				r->bad = true;
	}
}

static void parse_name(struct reader *r, sd_json_variant *v, struct record_lease *l)
{
	sd_json_variant *name = sd_json_variant_by_key(v, "name");

	if (!name)
		return;
	if (!sd_json_variant_is_string(name) ||
	    strlen(sd_json_variant_string(name)) > LEASE_NAME_MAX)
		r->bad = true;
	else if (!(l->name = strdup(sd_json_variant_string(name))))
		r->bad = true;
}

static void parse_lease(struct reader *r, sd_json_variant *v, struct record_lease *l)
{
	sd_json_variant *array;
	void *list;
	size_t n;

	l->id = (uint32_t)get_unsigned(r, v, "id", UINT32_MAX);
	l->owner_uid = (uid_t)get_unsigned(r, v, "uid", UINT32_MAX);
	l->owner_pid = (pid_t)get_unsigned(r, v, "pid", INT32_MAX);
	l->ifindex = (unsigned)get_unsigned(r, v, "ifindex", UINT32_MAX);
	l->state = (enum lease_state)get_unsigned(r, v, "state", _LEASE_STATE_MAX - 1);
	l->persistent = get_boolean(r, v, "persistent");
	l->self_registered = get_boolean(r, v, "selfRegistered");
	l->granted = get_boolean(r, v, "granted");
	l->force = sd_json_variant_by_key(v, "force") && get_boolean(r, v, "force");
	l->grant = (enum grant_kind)get_unsigned(r, v, "grant", _GRANT_KIND_MAX - 1);
	l->creation_usec = get_unsigned(r, v, "creation", UINT64_MAX);
	l->expiry_usec = get_unsigned(r, v, "expiry", UINT64_MAX);
	l->spread = (enum spread_state)get_optional(r, v, "spread", _SPREAD_STATE_MAX - 1);
	l->context = (uint32_t)get_optional(r, v, "context", UINT32_MAX);
	if (l->id == 0 || l->ifindex == 0 || (l->spread == SPREAD_CONTEXT && l->context == 0))
		r->bad = true;
	parse_name(r, v, l);
	get_string(r, v, "interface", l->interface, sizeof(l->interface));
	get_string(r, v, "hardware", l->hardware, sizeof(l->hardware));
	parse_queues(r, v, l);
	n = get_array(r, v, "flows", LEASE_FLOWS_MAX, sizeof(*l->flows), &list, &array);
	l->flows = list;
	for (l->n_flows = 0; !r->bad && l->n_flows < n; l->n_flows++)
		parse_flow(r, sd_json_variant_by_index(array, l->n_flows), l, &l->flows[l->n_flows]);
	n = get_array(r, v, "proofs", LEASE_FLOWS_MAX, sizeof(*l->proofs), &list, &array);
	l->proofs = list;
	for (l->n_proofs = 0; !r->bad && l->n_proofs < n; l->n_proofs++)
		parse_proof(r, sd_json_variant_by_index(array, l->n_proofs), l,
			    &l->proofs[l->n_proofs]);
	if (!r->bad && sd_json_variant_format(v, 0, &l->text) < 0)
		r->bad = true;
}

int record_parse_lease(const char *text, struct record_lease *ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	struct record_lease l = {};
	struct reader r = {};

	if (sd_json_parse(text, 0, &v, NULL, NULL) < 0)
		return -EBADMSG;
	parse_lease(&r, v, &l);
	if (r.bad) {
		record_lease_done(&l);
		return -EBADMSG;
	}
	*ret = l;
	return 0;
}

static bool shares_queue(const struct record_lease *a, const struct record_lease *b)
{
	for (size_t i = 0; a->ifindex == b->ifindex && i < a->n_queues; i++)
		for (size_t k = 0; k < b->n_queues; k++)
			if (a->queues[i] == b->queues[k])
				return true;
	return false;
}

/* An id, and a queue, is one lease's. */
static void check_last(struct reader *r, const struct record *record)
{
	const struct record_lease *last = &record->leases[record->n_leases - 1];

	for (size_t i = 0; i < record->n_leases - 1; i++)
		if (record->leases[i].id == last->id || shares_queue(&record->leases[i], last))
			r->bad = true;
}

int record_parse(sd_json_variant *v, struct record *ret)
{
	_cleanup_record_ struct record record = {};
	struct reader r = {};
	sd_json_variant *array;
	void *list;
	size_t n;

	record.last_flow_id = get_unsigned(&r, v, "lastFlowId", UINT64_MAX);
	n = get_array(&r, v, "leases", 65536, sizeof(*record.leases), &list, &array);
	record.leases = list;
	for (size_t i = 0; !r.bad && i < n; i++) {
		record.n_leases = i + 1;
		parse_lease(&r, sd_json_variant_by_index(array, i), &record.leases[i]);
		check_last(&r, &record);
	}
	if (sd_json_variant_by_key(v, "strays")) {
		n = get_array(&r, v, "strays", STRAYS_MAX, sizeof(*record.strays), &list, &array);
		record.strays = list;
	} else
		n = 0;
	for (size_t i = 0; !r.bad && i < n; i++) {
		record.n_strays = i + 1;
		parse_lease(&r, sd_json_variant_by_index(array, i), &record.strays[i]);
	}
	if (r.bad)
		return -EBADMSG;
	*ret = record;
	record = (struct record){};
	return 0;
}
