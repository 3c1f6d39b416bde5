/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See record.h. Enums go by their numbers: version and checksum vouch for the writer.
 */
#include <errno.h>
#include <inttypes.h>

#include "record.h"

#define UNSIGNED(key, value) SD_JSON_BUILD_PAIR_UNSIGNED(key, value)

/* ------------------------------------------------------------------------------ to text */

static int build_flow(const struct record_flow *f, sd_json_variant **ret)
{
	bool all = f->queue == ALL_QUEUES;

	return sd_json_buildo(
		ret, UNSIGNED("id", f->id), UNSIGNED("queue", all ? 0 : f->queue),
		SD_JSON_BUILD_PAIR_CONDITION(all, "allQueues", SD_JSON_BUILD_UNSIGNED(1)),
		SD_JSON_BUILD_PAIR_CONDITION(f->state != FLOW_PENDING && all, "target",
					     SD_JSON_BUILD_UNSIGNED(f->target.number)),
		UNSIGNED("state", f->state), UNSIGNED("location", f->location),
		UNSIGNED("proof", f->proof), UNSIGNED("protocol", f->flow.protocol),
		SD_JSON_BUILD_PAIR_HEX("source", f->flow.source.bytes, 16),
		UNSIGNED("sourcePrefix", f->flow.source.prefix),
		SD_JSON_BUILD_PAIR_HEX("destination", f->flow.destination.bytes, 16),
		UNSIGNED("destinationPrefix", f->flow.destination.prefix),
		UNSIGNED("sourcePort", f->flow.source_port),
		UNSIGNED("destinationPort", f->flow.destination_port));
}

static int build_proof(const struct record_proof *p, sd_json_variant **ret)
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

static int build_lease(const struct record_lease *l, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *queues = NULL, *flows = NULL,
							  *proofs = NULL;
	int r;

	r = sd_json_variant_new_array(&queues, NULL, 0);
	if (r >= 0)
		r = sd_json_variant_new_array(&flows, NULL, 0);
	if (r >= 0)
		r = sd_json_variant_new_array(&proofs, NULL, 0);
	for (size_t i = 0; r >= 0 && i < l->n_queues; i++) {
		sd_json_variant *v = NULL;

		r = sd_json_buildo(&v, UNSIGNED("queue", l->queues[i]),
				   UNSIGNED("area", l->areas[i]),
				   UNSIGNED("clientUid", l->client_uids[i]));
		if (r >= 0)
			r = build_found(&l->found[i], &v);
		r = append(&queues, r, v);
	}
	for (size_t i = 0; r >= 0 && i < l->n_flows; i++) {
		sd_json_variant *v = NULL;

		r = build_flow(&l->flows[i], &v);
		r = append(&flows, r, v);
	}
	for (size_t i = 0; r >= 0 && i < l->n_proofs; i++) {
		sd_json_variant *v = NULL;

		r = build_proof(&l->proofs[i], &v);
		r = append(&proofs, r, v);
	}
	if (r < 0)
		return r;
	return sd_json_buildo(
		ret, UNSIGNED("id", l->id),
		SD_JSON_BUILD_PAIR_CONDITION(!!l->name, "name", SD_JSON_BUILD_STRING(l->name)),
		UNSIGNED("uid", l->owner_uid), UNSIGNED("pid", (unsigned)l->owner_pid),
		UNSIGNED("ifindex", l->ifindex),
		SD_JSON_BUILD_PAIR_STRING("interface", l->interface),
		SD_JSON_BUILD_PAIR_STRING("hardware", l->hardware),
		UNSIGNED("state", l->state),
		SD_JSON_BUILD_PAIR_BOOLEAN("persistent", l->persistent),
		SD_JSON_BUILD_PAIR_BOOLEAN("selfRegistered", l->self_registered),
		SD_JSON_BUILD_PAIR_BOOLEAN("granted", l->granted),
		SD_JSON_BUILD_PAIR_CONDITION(l->force, "force", SD_JSON_BUILD_BOOLEAN(true)),
		UNSIGNED("grant", l->grant),
		SD_JSON_BUILD_PAIR_VARIANT("queues", queues),
		SD_JSON_BUILD_PAIR_CONDITION(l->spread != SPREAD_NONE, "spread",
					     SD_JSON_BUILD_UNSIGNED(l->spread)),
		SD_JSON_BUILD_PAIR_CONDITION(l->spread == SPREAD_CONTEXT, "context",
					     SD_JSON_BUILD_UNSIGNED(l->context)),
		UNSIGNED("creation", l->creation_usec),
		UNSIGNED("expiry", l->expiry_noted),
		SD_JSON_BUILD_PAIR_CONDITION(l->expiry_usec != 0, "expiryBoottime",
					     SD_JSON_BUILD_UNSIGNED(l->expiry_usec)),
		SD_JSON_BUILD_PAIR_CONDITION(l->left, "left", SD_JSON_BUILD_BOOLEAN(true)),
		UNSIGNED("maxFlows", l->max_flows),
		SD_JSON_BUILD_PAIR_VARIANT("flows", flows),
		SD_JSON_BUILD_PAIR_VARIANT("proofs", proofs));
}

int record_format_lease(const struct record_lease *l, char **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	int r = build_lease(l, &v);

	return r < 0 ? r : sd_json_variant_format(v, 0, ret);
}

static void put_list(FILE *f, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s%s", i > 0 ? "," : "", list[i]);
}

int record_format(const struct record_parts *p, char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int r;

	if (!f)
		return -ENOMEM;
	fprintf(f, "{\"lastFlowId\":%" PRIu64 ",\"kept\":%s,\"leases\":[", p->last_flow_id,
		p->kept ? "true" : "false");
	put_list(f, p->leases, p->n_leases);
	fputs("],\"strays\":[", f);
	put_list(f, p->strays, p->n_strays);
	fputs("],\"lingering\":[", f);
	for (size_t i = 0; i < p->n_lingering; i++)
		fprintf(f, "%s{\"uid\":%u,\"area\":%" PRIu64 ",\"ring\":%" PRIu64 "}", i > 0 ? "," : "",
			(unsigned)p->lingering[i].uid, p->lingering[i].area, p->lingering[i].ring_key);
	fputs("]}", f);
	r = ferror(f) ? -ENOMEM : 0;
	if (fclose(f) != 0 || r < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}
