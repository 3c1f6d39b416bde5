/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See record.h. Enums go by their numbers: version and checksum vouch for the writer.
 */
#include <errno.h>
#include <inttypes.h>

#include "cpus.h"
#include "leases.h"
#include "lingering.h"
#include "proof.h"
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
		UNSIGNED("uid", f->uid), UNSIGNED("cookie", f->cookie),
		UNSIGNED("provedBy", p->uid));
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
				   UNSIGNED("area", l->per_queue[i].area),
				   UNSIGNED("clientUid", l->per_queue[i].client_uid));
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

		if (!proof_counts(p))
			continue;
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
		UNSIGNED("creation", l->creation_usec),
		UNSIGNED("expiry", l->expiry_noted),
		SD_JSON_BUILD_PAIR_CONDITION(l->expiry_usec != 0, "expiryBoottime",
					     SD_JSON_BUILD_UNSIGNED(l->expiry_usec)),
		SD_JSON_BUILD_PAIR_CONDITION(l->device->leaving, "left", SD_JSON_BUILD_BOOLEAN(true)),
		UNSIGNED("maxFlows", l->max_flows),
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
	const struct lingering *g;
	struct stray *s;
	int r;

	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	fprintf(f, "{\"lastFlowId\":%" PRIu64 ",\"kept\":%s,\"leases\":[", m->last_flow_id,
		m->store_marked ? "true" : "false");
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
	fputs("],\"lingering\":[", f);
	separator = "";
	TAILQ_FOREACH(g, &m->lingering, entry) {
		fprintf(f, "%s{\"uid\":%u,\"area\":%" PRIu64 ",\"ring\":%" PRIu64 "}", separator,
			(unsigned)g->uid, g->area, g->ring_key);
		separator = ",";
	}
	fputs("]}", f);
	r = ferror(f) ? -ENOMEM : 0;
	if (fclose(TAKE_PTR(f)) != 0 || r < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}
