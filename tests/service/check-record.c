/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>

#include "check-record.h"
#include "leases.h"
#include "lingering.h"
#include "proof.h"
#include "record.h"
#include "orphans.h"

static void check_flows(const struct lease *l, const struct record_lease *r)
{
	assert(r->n_flows == l->n_flows);
	for (size_t i = 0; i < l->n_flows; i++) {
		const struct lease_flow *f = l->flows[i];
		const struct record_flow *saved = &r->flows[i];

		assert(saved->id == f->id && flow_equal(&saved->flow, &f->flow));
		assert(saved->queue == f->queue && saved->location == f->location);
		assert(saved->proof == (f->proof ? f->proof->facts.cookie : 0));
		assert(saved->state == f->state || f->state == FLOW_INSTALLING ||
		       (f->state == FLOW_REMOVING && f->lifted && saved->state == FLOW_INSTALLED));
		assert(saved->lifted == (f->state == FLOW_PENDING && f->lifted));
	}
}

static void check_proofs(const struct lease *l, const struct record_lease *r)
{
	const struct proof *p;
	size_t n = 0, all = 0;

	LIST_FOREACH(p, &l->proofs, entry) {
		all++;
		if (!proof_counts(p))
			continue;
		assert(n < r->n_proofs && r->proofs[n].facts.cookie == p->facts.cookie);
		assert(r->proofs[n].queue == p->queue && r->proofs[n].wildcard == p->wildcard);
		assert(r->proofs[n].facts.local_port == p->facts.local_port);
		n++;
	}
	assert(n == r->n_proofs && all == l->n_proofs && all <= LEASE_PROOFS_MAX);
}

static void check_lease(const struct lease *l, const struct record_lease *r)
{
	assert(!r->damaged);
	assert(r->id == l->id && r->state == l->state && r->ifindex == l->ifindex);
	assert(r->owner_uid == l->owner_uid && r->owner_pid == l->owner_pid);
	assert(r->acquirer_uid == l->acquirer_uid);
	assert(r->persistent == l->persistent && r->self_registered == l->self_registered);
	assert(r->granted == l->granted && r->grant == l->grant.kind && r->force == l->force);
	assert(r->regranting == l->unbind.regranting);
	assert(r->rss == l->rss && r->max_flows == l->max_flows && r->area_permitted == l->area_permitted);
	assert(r->expiry_usec == l->expiry_usec && r->creation_usec == l->creation_usec);
	assert(!r->name == !l->name && (!r->name || streq(r->name, l->name)));
	assert(r->n_queues == l->n_queues);
	for (unsigned i = 0; i < l->n_queues; i++) {
		assert(r->queues[i] == l->queues[i] && r->areas[i] == l->per_queue[i].area);
		assert(r->watched[i] == l->per_queue[i].watched);
		assert(r->client_uids[i] == l->per_queue[i].client_uid);
		assert(r->found[i].which == l->per_queue[i].saved_tuning.which);
		assert(r->found[i].irq.irq == l->per_queue[i].saved_tuning.irq.irq);
	}
	check_flows(l, r);
	check_proofs(l, r);
}

void check_record(struct leases *leases, const char *text)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	_cleanup_record_ struct record record = {};
	const struct lingering *g;
	const struct orphan *s;
	const struct lease *l;
	size_t n = 0;

	assert(sd_json_parse(text, 0, &v, NULL, NULL) >= 0 && record_parse(v, &record) == 0);
	assert(record.n_dropped == 0 && record.last_flow_id == leases->last_flow_id);
	TAILQ_FOREACH(l, &leases->list, entry)
		if (l->n_queues > 0) {
			assert(n < record.n_leases);
			check_lease(l, &record.leases[n++]);
		}
	assert(n == record.n_leases);
	n = 0;
	TAILQ_FOREACH(g, &leases->lingering, entry) {
		assert(n < record.n_lingering && record.lingering[n].ring_key == g->ring_key);
		assert(record.lingering[n].uid == g->uid && record.lingering[n].area == g->area);
		n++;
	}
	assert(n == record.n_lingering);
	/* One may be what was left of a damaged lease, and damaged still: it is not lost for that. */
	n = 0;
	TAILQ_FOREACH(s, &leases->orphans, entry)
		n++;
	assert(n == record.n_orphans);
}
