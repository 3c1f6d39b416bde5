/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See snapshot.h.
 */
#include <errno.h>

#include "lingering.h"
#include "proof.h"
#include "record.h"
#include "snapshot.h"
#include "orphans.h"

/* ---------------------------------------------------------------------------- a lease */

/* One on its way is there because its client counts on it, so the next daemon goes on with it; and what
 * is being lifted may be there still. */
static enum flow_state state_on_record(const struct lease_flow *f)
{
	if ((f->state == FLOW_INSTALLING && !f->asked) || (f->state == FLOW_REMOVING && f->lifted))
		return FLOW_INSTALLED;
	return f->state;
}

static struct record_flow flow_snapshot(const struct lease_flow *f)
{
	return (struct record_flow){
		.id = f->id, .flow = f->flow, .queue = f->queue, .target = f->target,
		.state = state_on_record(f), .lifted = f->state == FLOW_PENDING && f->lifted,
		.location = f->location, .proof = f->proof ? f->proof->facts.cookie : 0 };
}

static int lease_snapshot(const struct lease *l, struct record_lease *ret)
{
	struct record_lease s = { .id = l->id,
				  .owner_uid = l->owner_uid,
				  .acquirer_uid = l->acquirer_uid,
				  .owner_pid = l->owner_pid,
				  .ifindex = l->ifindex,
				  .state = l->state,
				  .persistent = l->persistent,
				  .self_registered = l->self_registered,
				  .granted = l->granted,
				  .regranting = l->unbind.regranting,
				  .force = l->force,
				  .grant = l->grant.kind,
				  .n_queues = l->n_queues,
				  .rss = l->rss,
				  .context = l->context,
				  .creation_usec = l->creation_usec,
				  .expiry_usec = l->expiry_usec,
				  .expiry_noted = l->expiry_noted,
				  .left = !device_has_entry(l->device),
				  .max_flows = l->max_flows,
				  .area_permitted = l->area_permitted };
	const struct proof *p;

	s.name = l->name ? strdup(l->name) : NULL;
	s.flows = calloc(l->n_flows + 1, sizeof(*s.flows));
	s.proofs = calloc(l->n_proofs + 1, sizeof(*s.proofs));
	if ((l->name && !s.name) || !s.flows || !s.proofs) {
		record_lease_done(&s);
		return -ENOMEM;
	}
	snprintf(s.interface, sizeof(s.interface), "%s", l->device->name);
	snprintf(s.hardware, sizeof(s.hardware), "%s", nic_link_hardware_address(&l->device->link));
	for (unsigned i = 0; i < l->n_queues; i++) {
		s.queues[i] = l->queues[i];
		s.areas[i] = l->per_queue[i].area;
		s.watched[i] = l->per_queue[i].watched;
		s.client_uids[i] = l->per_queue[i].client_uid;
		s.found[i] = l->per_queue[i].saved_tuning;
	}
	for (size_t i = 0; i < l->n_flows; i++)
		s.flows[s.n_flows++] = flow_snapshot(l->flows[i]);
	LIST_FOREACH(p, &l->proofs, entry)
		if (proof_counts(p))
			s.proofs[s.n_proofs++] = (struct record_proof){
				.queue = p->queue, .uid = p->uid, .wildcard = p->wildcard, .facts = p->facts };
	*ret = s;
	return 0;
}

static void unmark(struct lease *l)
{
	if (l->changed)
		LIST_REMOVE(l, changed_entry);
	l->changed = false;
}

void lease_forget_record(struct lease *l)
{
	lease_touch(l);
	free(TAKE_PTR(l->record));
	if (l->changed || l->over)
		return;
	LIST_INSERT_HEAD(&l->leases->state.changed, l, changed_entry);
	l->changed = true;
}

static void add_gone(struct lease_file *f, uint32_t id)
{
	uint32_t *grown = reallocarray(f->gone, f->n_gone + 1, sizeof(*grown));

	f->whole |= !grown;
	if (!grown)
		return;
	f->gone = grown;
	f->gone[f->n_gone++] = id;
}

void lease_strike_record(struct lease *l)
{
	free(TAKE_PTR(l->record));
	unmark(l);
	l->over = true;
	add_gone(&l->leases->state, l->id);
}

int lease_format_record(struct lease *l)
{
	struct record_lease s;
	int r;

	if (l->record)
		return 0;
	r = lease_snapshot(l, &s);
	if (r < 0)
		return r;
	r = record_format_lease(&s, &l->record);
	record_lease_done(&s);
	return r;
}

/* ------------------------------------------------------------------------ all of them */

/* Room for the parts; they belong to whom they are of. */
struct lists {
	const char **leases, **orphans;
	struct record_lingering *lingering;
};

static void lists_done(struct lists *a)
{
	free(a->leases);
	free(a->orphans);
	free(a->lingering);
}

static int list_leases(struct leases *leases, struct lists *a, struct record_parts *p)
{
	struct lease *l;
	size_t n = 0;
	int r;

	TAILQ_FOREACH(l, &leases->list, entry)
		n++;
	a->leases = calloc(n + 1, sizeof(*a->leases));
	if (!a->leases)
		return -ENOMEM;
	TAILQ_FOREACH(l, &leases->list, entry) {
		if (l->n_queues == 0)
			continue; /* it holds nothing that would have to be taken back */
		r = lease_format_record(l);
		if (r < 0)
			return r;
		a->leases[p->n_leases++] = l->record;
	}
	p->leases = a->leases;
	return 0;
}

static int list_strays(struct leases *leases, struct lists *a, struct record_parts *p)
{
	const struct orphan *s;
	size_t n = 0;

	TAILQ_FOREACH(s, &leases->orphans, entry)
		n++;
	a->orphans = calloc(n + 1, sizeof(*a->orphans));
	if (!a->orphans)
		return -ENOMEM;
	TAILQ_FOREACH(s, &leases->orphans, entry)
		a->orphans[p->n_orphans++] = s->text;
	p->orphans = a->orphans;
	return 0;
}

static int list_lingering(struct leases *leases, struct lists *a, struct record_parts *p)
{
	const struct lingering *g;
	size_t n = 0;

	TAILQ_FOREACH(g, &leases->lingering, entry)
		n++;
	a->lingering = calloc(n + 1, sizeof(*a->lingering));
	if (!a->lingering)
		return -ENOMEM;
	TAILQ_FOREACH(g, &leases->lingering, entry)
		a->lingering[p->n_lingering++] =
			(struct record_lingering){ .uid = g->uid, .area = g->area, .ring_key = g->ring_key };
	p->lingering = a->lingering;
	return 0;
}

int leases_format_change(struct leases *leases, char **ret)
{
	struct record_parts p = { .last_flow_id = leases->last_flow_id, .kept = leases->store_marked };
	_cleanup_(lists_done) struct lists a = {};
	struct lease_file *f = &leases->state;
	struct lease *l;
	size_t n = 0;
	int r = 0;

	LIST_FOREACH(l, &f->changed, changed_entry)
		n++;
	a.leases = calloc(n + 1, sizeof(*a.leases));
	if (!a.leases)
		return -ENOMEM;
	LIST_FOREACH(l, &f->changed, changed_entry) {
		if (l->n_queues == 0)
			add_gone(f, l->id);
		else
			r = lease_format_record(l);
		if (r < 0)
			return r;
		/* The list is that of the leases backwards: new ones were the last. */
		if (l->n_queues > 0)
			a.leases[n - ++p.n_leases] = l->record;
	}
	p.leases = a.leases + n - p.n_leases;
	r = f->lingering ? list_lingering(leases, &a, &p) : 0;
	return r < 0 ? r : record_format_change(&p, f->gone, f->n_gone, ret);
}

void leases_forget_change(struct leases *leases)
{
	struct lease_file *f = &leases->state;

	while (!LIST_EMPTY(&f->changed))
		unmark(LIST_FIRST(&f->changed));
	free(TAKE_PTR(f->gone));
	f->n_gone = 0;
	f->whole = f->lingering = false;
}

int leases_format_record(struct leases *leases, char **ret)
{
	struct record_parts p = { .last_flow_id = leases->last_flow_id, .kept = leases->store_marked };
	_cleanup_(lists_done) struct lists a = {};
	int r = list_leases(leases, &a, &p);

	if (r == 0)
		r = list_strays(leases, &a, &p);
	if (r == 0)
		r = list_lingering(leases, &a, &p);
	return r < 0 ? r : record_format(&p, ret);
}
