/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See record.h: from text to values. What the writer (record.c) can write is read, and more: limits
 * belong to the source of a value, not here.
 */
#include <errno.h>

#include "clock.h"
#include "cpus.h"
#include "log.h"
#include "record.h"

/* What is wrong is 0 or empty, and the first of it is remembered. */
struct reader {
	const char *bad; /* its key; NULL if all is right so far */
};

static void refuse(struct reader *r, const char *key)
{
	if (!r->bad)
		r->bad = key;
}

static uint64_t get_unsigned(struct reader *r, sd_json_variant *v, const char *key, uint64_t last)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	if (!f || !sd_json_variant_is_unsigned(f) || sd_json_variant_unsigned(f) > last) {
		refuse(r, key);
		return 0;
	}
	return sd_json_variant_unsigned(f);
}

static bool get_boolean(struct reader *r, sd_json_variant *v, const char *key)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	if (!f || !sd_json_variant_is_boolean(f)) {
		refuse(r, key);
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
		refuse(r, key);
		return;
	}
	memcpy(ret, bytes, 16);
}

/* The number of elements, with room for them in *ret. How many there may be is for who makes them. */
static size_t get_array(struct reader *r, sd_json_variant *v, const char *key, size_t size,
			void **ret, sd_json_variant **ret_array)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);
	size_t n;

	*ret = NULL;
	*ret_array = f;
	if (!f || !sd_json_variant_is_array(f)) {
		refuse(r, key);
		return 0;
	}
	n = sd_json_variant_elements(f);
	*ret = calloc(n + 1, size);
	if (!*ret)
		refuse(r, key);
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
		refuse(r, "flows");
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
	ret->uid = sd_json_variant_by_key(v, "provedBy")
			   ? (uid_t)get_unsigned(r, v, "provedBy", UINT32_MAX)
			   : l->owner_uid;
}

/* Optional likewise. */
static void get_string(struct reader *r, sd_json_variant *v, const char *key, char *ret, size_t size)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	if (!f)
		return;
	if (!sd_json_variant_is_string(f) || strlen(sd_json_variant_string(f)) >= size)
		refuse(r, key);
	else
		strcpy(ret, sd_json_variant_string(f));
}

static void parse_found(struct reader *r, sd_json_variant *q, struct tuning *ret)
{
	struct cpus ignored;

	ret->irq.irq = (uint32_t)get_optional(r, q, "irq", UINT32_MAX);
	get_string(r, q, "irqAffinity", ret->irq.cpus, sizeof(ret->irq.cpus));
	if (ret->irq.irq && cpus_parse(ret->irq.cpus, &ignored) < 0)
		refuse(r, "irqAffinity");
	ret->which = (unsigned)get_optional(r, q, "tuned", NAPI_EVERYTHING);
	if (ret->which)
		ret->napi = (struct napi_settings){
			(uint32_t)get_unsigned(r, q, "deferHardIrqs", UINT32_MAX),
			get_unsigned(r, q, "groFlushTimeout", UINT64_MAX),
			get_unsigned(r, q, "irqSuspendTimeout", UINT64_MAX),
		};
}

/* Also where a queue is missing from the kernel by now. */
static void parse_queues(struct reader *r, struct reader *essential, sd_json_variant *v,
			 struct record_lease *l)
{
	sd_json_variant *array = sd_json_variant_by_key(v, "queues");

	if (!array || !sd_json_variant_is_array(array) || sd_json_variant_elements(array) < 1 ||
	    sd_json_variant_elements(array) > LEASE_QUEUES_MAX) {
		refuse(essential, "queues");
		return;
	}
	l->n_queues = sd_json_variant_elements(array);
	for (size_t i = 0; i < l->n_queues; i++) {
		sd_json_variant *q = sd_json_variant_by_index(array, i);

		l->queues[i] = (uint32_t)get_unsigned(essential, q, "queue", UINT16_MAX);
		l->areas[i] = get_unsigned(r, q, "area", INT64_MAX);
		l->client_uids[i] = sd_json_variant_by_key(q, "clientUid")
					    ? (uid_t)get_unsigned(r, q, "clientUid", UINT32_MAX)
					    : l->owner_uid;
		parse_found(r, q, &l->found[i]);
		for (size_t k = 0; k < i; k++)
			if (l->queues[k] == l->queues[i])
				refuse(essential, "queues");
	}
}

static void parse_name(struct reader *r, sd_json_variant *v, struct record_lease *l)
{
	sd_json_variant *name = sd_json_variant_by_key(v, "name");

	if (!name)
		return;
	if (!sd_json_variant_is_string(name) || !(l->name = strdup(sd_json_variant_string(name))))
		refuse(r, "name");
}

/* Those that can be read. */
static void parse_flows(struct reader *r, sd_json_variant *v, struct record_lease *l)
{
	sd_json_variant *array;
	void *list;
	size_t n = get_array(r, v, "flows", sizeof(*l->flows), &list, &array);

	if (n > LEASE_FLOWS_MAX) {
		refuse(r, "flows"); /* no daemon writes that */
		n = LEASE_FLOWS_MAX;
	}
	l->flows = list;
	for (size_t i = 0; i < n; i++) {
		struct reader one = {};

		parse_flow(&one, sd_json_variant_by_index(array, i), l, &l->flows[l->n_flows]);
		if (one.bad)
			refuse(r, one.bad);
		else
			l->n_flows++;
	}
}

static void parse_proofs(struct reader *r, sd_json_variant *v, struct record_lease *l)
{
	sd_json_variant *array;
	void *list;
	size_t n = get_array(r, v, "proofs", sizeof(*l->proofs), &list, &array);

	l->proofs = list;
	for (size_t i = 0; i < n; i++) {
		struct reader one = {};

		parse_proof(&one, sd_json_variant_by_index(array, i), l, &l->proofs[l->n_proofs]);
		if (one.bad)
			refuse(r, one.bad);
		else
			l->n_proofs++;
	}
}

/* An older zcrxd noted it on the realtime clock. */
static uint64_t get_expiry(struct reader *r, sd_json_variant *v)
{
	uint64_t realtime = get_unsigned(r, v, "expiry", UINT64_MAX);

	if (sd_json_variant_by_key(v, "expiryBoottime"))
		return get_unsigned(r, v, "expiryBoottime", UINT64_MAX);
	return realtime ? boottime_from_realtime(realtime) : 0;
}

static void parse_rest(struct reader *r, sd_json_variant *v, struct record_lease *l)
{
	l->owner_pid = (pid_t)get_unsigned(r, v, "pid", INT32_MAX);
	l->state = (enum lease_state)get_unsigned(r, v, "state", _LEASE_STATE_MAX - 1);
	l->persistent = get_boolean(r, v, "persistent");
	l->self_registered = get_boolean(r, v, "selfRegistered");
	l->granted = get_boolean(r, v, "granted");
	l->force = sd_json_variant_by_key(v, "force") && get_boolean(r, v, "force");
	l->grant = (enum grant_kind)get_unsigned(r, v, "grant", _GRANT_KIND_MAX - 1);
	l->creation_usec = get_unsigned(r, v, "creation", UINT64_MAX);
	l->expiry_usec = get_expiry(r, v);
	l->left = sd_json_variant_by_key(v, "left") && get_boolean(r, v, "left");
	l->spread = (enum spread_state)get_optional(r, v, "spread", _SPREAD_STATE_MAX - 1);
	l->context = (uint32_t)get_optional(r, v, "context", UINT32_MAX);
	if (l->spread == SPREAD_CONTEXT && l->context == 0) {
		refuse(r, "context");
		l->spread = SPREAD_MAKING; /* known by its table */
	}
	l->max_flows = sd_json_variant_by_key(v, "maxFlows")
			       ? get_unsigned(r, v, "maxFlows", UINT64_MAX)
			       : UINT64_MAX;
	parse_name(r, v, l);
	get_string(r, v, "interface", l->interface, sizeof(l->interface));
	get_string(r, v, "hardware", l->hardware, sizeof(l->hardware));
	parse_flows(r, v, l);
	parse_proofs(r, v, l);
}

/*
 * 0 with a lease, which is `damaged` if not all of it could be read: then it is for nothing but to be
 * reclaimed. -EBADMSG if not even that is possible.
 */
static int parse_lease(sd_json_variant *v, struct record_lease *ret)
{
	struct record_lease l = {};
	struct reader r = {}, essential = {};
	int k = 0;

	l.id = (uint32_t)get_unsigned(&essential, v, "id", UINT32_MAX);
	l.ifindex = (unsigned)get_unsigned(&essential, v, "ifindex", UINT32_MAX);
	l.owner_uid = (uid_t)get_unsigned(&r, v, "uid", UINT32_MAX);
	parse_queues(&r, &essential, v, &l);
	if (!essential.bad && (l.id == 0 || l.ifindex == 0))
		refuse(&essential, "id");
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
	return sd_json_parse(text, 0, &v, NULL, NULL) < 0 ? -EBADMSG : parse_lease(v, ret);
}

static bool shares_queue(const struct record_lease *a, const struct record_lease *b)
{
	for (size_t i = 0; a->ifindex == b->ifindex && i < a->n_queues; i++)
		for (size_t k = 0; k < b->n_queues; k++)
			if (a->queues[i] == b->queues[k])
				return true;
	return false;
}

/* An id, and a queue, is one lease's: of two, the first has it. */
static const char *find_double(const struct record *record, const struct record_lease *l)
{
	for (size_t i = 0; i < record->n_leases; i++) {
		if (record->leases[i].id == l->id)
			return "id";
		if (shares_queue(&record->leases[i], l))
			return "queues";
	}
	return NULL;
}

/* Of which not even that is known what would have to be taken back. */
static void report_dropped(struct record *record, size_t i, const struct record_lease *l)
{
	record->n_dropped++;
	log_message(LOG_ERR, &(struct log_fields){ .lease = l->id },
		    "Lease %08x, number %zu on record, is dropped: its \"%s\" cannot be used. Its netkit "
		    "device is deleted; a queue of it that is in use is withheld until it is not.",
		    l->id, i, l->damaged);
}

static int parse_leases(struct reader *r, sd_json_variant *v, struct record *record)
{
	sd_json_variant *array;
	void *list;
	size_t n = get_array(r, v, "leases", sizeof(*record->leases), &list, &array);

	record->leases = list;
	for (size_t i = 0; i < n; i++) {
		struct record_lease *l = &record->leases[record->n_leases];
		int k = parse_lease(sd_json_variant_by_index(array, i), l);
		const char *twice = k == 0 ? find_double(record, l) : NULL;

		if (k == -ENOMEM)
			return k;
		if (twice)
			l->damaged = twice;
		if (k == 0 && !twice) {
			record->n_leases++;
			continue;
		}
		report_dropped(record, i, l);
		record_lease_done(l);
	}
	return 0;
}

static int parse_strays(sd_json_variant *v, struct record *record)
{
	struct reader ignored = {};
	sd_json_variant *array;
	void *list;
	size_t n;

	if (!sd_json_variant_by_key(v, "strays"))
		return 0;
	n = get_array(&ignored, v, "strays", sizeof(*record->strays), &list, &array);
	record->strays = list;
	for (size_t i = 0; i < n; i++) {
		struct record_lease *l = &record->strays[record->n_strays];
		int k = parse_lease(sd_json_variant_by_index(array, i), l);

		if (k == -ENOMEM)
			return k;
		if (k == 0)
			record->n_strays++;
		else
			record_lease_done(l);
	}
	return 0;
}

/* One that cannot be read counts for nobody. */
static void parse_lingering(sd_json_variant *v, struct record *record)
{
	struct reader ignored = {};
	sd_json_variant *array;
	void *list;
	size_t n = get_array(&ignored, v, "lingering", sizeof(*record->lingering), &list, &array);

	record->lingering = list;
	for (size_t i = 0; i < n; i++) {
		sd_json_variant *one = sd_json_variant_by_index(array, i);
		struct reader r = {};

		record->lingering[record->n_lingering] = (struct record_lingering){
			.uid = (uid_t)get_unsigned(&r, one, "uid", UINT32_MAX),
			.area = get_unsigned(&r, one, "area", INT64_MAX),
			.ring_key = get_unsigned(&r, one, "ring", UINT64_MAX),
		};
		record->n_lingering += !r.bad;
	}
}

int record_parse(sd_json_variant *v, struct record *ret)
{
	_cleanup_record_ struct record record = {};
	struct reader r = {};
	int k;

	record.last_flow_id = get_unsigned(&r, v, "lastFlowId", UINT64_MAX);
	record.kept = sd_json_variant_by_key(v, "kept") && get_boolean(&r, v, "kept");
	k = parse_leases(&r, v, &record);
	if (k == 0)
		k = parse_strays(v, &record);
	parse_lingering(v, &record);
	if (k < 0 || r.bad)
		return k < 0 ? k : -EBADMSG;
	*ret = record;
	record = (struct record){};
	return 0;
}

/* ------------------------------------------------------------------------- what is damaged */

int record_salvage(const char *text, struct record *ret)
{
	static const char begin[] = "{\"id\":";
	_cleanup_record_ struct record record = {};
	const char *p = text;

	/* Flows begin likewise, but have no queues. */
	while ((p = strstr(p, begin))) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
		struct record_lease *grown, l = {};
		const char *end = p;
		int k;

		if (sd_json_parse_continue(&end, 0, &v, NULL, NULL) < 0) {
			p += strlen(begin);
			continue;
		}
		p = end;
		k = parse_lease(v, &l);
		if (k < 0) {
			record_lease_done(&l);
			if (k == -ENOMEM)
				return k;
			continue;
		}
		grown = reallocarray(record.strays, record.n_strays + 1, sizeof(*grown));
		if (!grown) {
			record_lease_done(&l);
			return -ENOMEM;
		}
		record.strays = grown;
		record.strays[record.n_strays++] = l;
	}
	*ret = record;
	record = (struct record){};
	return 0;
}
