/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See orphans.h. That a rule or a context is ours is told as at a start: it is exactly what a lease
 * on record had (model/lease/recovery.h).
 */
#include <errno.h>

#include "leases.h"
#include "log.h"
#include "record.h"
#include "snapshot.h"
#include "orphans.h"

struct orphan_job {
	struct device *device;
	struct record_lease *leases;
	struct orphan **orphans; /* of which they were made; only the loop follows these */
	bool *stay;		 /* their contexts are lost, and cannot be deleted */
	size_t n, n_removed;
	int r;
	struct fault fault;
};

/* --------------------------------------------------------------------------------- the list */

static void orphan_free(struct leases *leases, struct orphan *s)
{
	TAILQ_REMOVE(&leases->orphans, s, entry);
	leases->state.whole = true;
	free(s->text);
	free(s);
}

void orphans_free(struct leases *leases)
{
	while (!TAILQ_EMPTY(&leases->orphans))
		orphan_free(leases, TAILQ_FIRST(&leases->orphans));
}

static int append(struct leases *leases, const char *text)
{
	struct orphan *s = calloc(1, sizeof(*s)), *other;
	size_t n = 0;

	if (!s)
		return -ENOMEM;
	s->text = strdup(text);
	if (!s->text) {
		free(s);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&leases->orphans, s, entry);
	leases->state.whole = true;
	TAILQ_FOREACH(other, &leases->orphans, entry)
		n++;
	if (n > ORPHANS_MAX)
		orphan_free(leases, TAILQ_FIRST(&leases->orphans));
	return 0;
}

void orphan_record(struct lease *l)
{
	bool any = l->rss == LEASE_RSS_CREATING || l->rss == LEASE_RSS_CONTEXT;
	int r;

	for (size_t i = 0; i < l->n_flows; i++)
		any |= l->flows[i]->state != FLOW_PENDING;
	if (!any || l->orphan)
		return;
	l->orphan = true;
	lease_forget_record(l); /* some of it may have changed without a word on record */
	r = lease_format_record(l);
	if (r >= 0)
		r = append(l->leases, l->record);
	if (r < 0)
		log_errno(r, "Cannot save the orphaned rules of lease %08x on %s", l->id,
			  device_name(l->device));
}

/* Its rules are its own: a later lease may have the same. */
void orphan_context(struct lease *l, uint32_t context)
{
	const size_t n_flows = l->n_flows;
	const enum lease_rss rss = l->rss;
	const uint32_t present = l->context;
	int r;

	l->n_flows = 0;
	l->rss = LEASE_RSS_CONTEXT;
	l->context = context;
	lease_forget_record(l);
	r = lease_format_record(l);
	if (r >= 0)
		r = append(l->leases, l->record);
	if (r < 0)
		log_errno(r, "Cannot save RSS context %u, which the driver of %s has lost", context,
			  device_name(l->device));
	lease_forget_record(l);
	l->n_flows = n_flows;
	l->rss = rss;
	l->context = present;
}

void orphan_adopt(struct leases *leases, const struct record_lease *saved)
{
	if (saved->n_flows > 0 || saved->rss != LEASE_RSS_NONE)
		(void)append(leases, saved->text);
}

/* ---------------------------------------------------------------------------------- the job */

static int remove_rules(struct nic *nic, struct orphan_job *j, const struct record_lease *l,
			const struct nic_state *state)
{
	int r = 0;

	for (size_t i = 0; i < l->n_flows; i++)
		for (size_t k = 0; k < state->n_rules && r == 0; k++) {
			const struct record_flow *f = &l->flows[i];

			if (f->state == FLOW_PENDING ||
			    !nic_rule_is(&state->rules[k], &f->flow, &f->target))
				continue;
			r = nic->ops->rule_delete(nic, state->rules[k].location, &f->flow,
						  &f->target, &j->fault);
			j->n_removed += r == 0;
		}
	return r;
}

/* Rules first: the kernel keeps a context that one leads to. */
static int remove_lease(struct nic *nic, struct orphan_job *j, size_t i, const struct nic_state *state)
{
	const struct record_lease *l = &j->leases[i];
	uint32_t context;
	int r = remove_rules(nic, j, l, state);

	if (r == 0 && recovery_decide_spread(l, state, &context) == LEASE_RSS_CONTEXT) {
		r = nic->ops->context_delete(nic, context, l->queues, l->n_queues, &j->fault);
		j->n_removed += r == 0;
		j->stay[i] = nic_context_is_lost(r, &j->fault);
	}
	return r == 0 || !j->stay[i] ? r : 0;
}

static void remove_run(struct nic *nic, void *data)
{
	_cleanup_(nic_state_freep) struct nic_state *state = NULL;
	struct orphan_job *j = data;

	j->r = nic->ops->observe_steering(nic, &state, &j->fault);
	for (size_t i = 0; i < j->n && j->r == 0; i++)
		j->r = remove_lease(nic, j, i, state);
}

static void job_free(struct orphan_job *j)
{
	for (size_t i = 0; i < j->n; i++)
		record_lease_done(&j->leases[i]);
	free(j->leases);
	free(j->orphans);
	free(j->stay);
	fault_done(&j->fault);
	free(j);
}

static void remove_done(void *data)
{
	struct orphan_job *j = data;
	struct device *d = j->device;
	struct log_fields fields = { .interface = d->name };
	struct orphan *s, *next;

	if (j->n_removed > 0)
		log_message(LOG_INFO, &fields, "%s has brought back %zu rules and RSS contexts of leases "
			    "that ended when it went; they are removed.", d->name, j->n_removed);
	if (j->r != 0 && j->r != ZCRX_NO_SUCH_INTERFACE)
		log_message(LOG_WARNING, &fields, "What leases had left on %s when it went could not be "
			    "removed: %s", d->name, fault_text(j->r, &j->fault));
	/* What could not be removed is like anybody's from now on: later leases may want the same. */
	for (s = TAILQ_FIRST(&d->devices->leases->orphans);
	     s && j->r != ZCRX_NO_SUCH_INTERFACE && !nic_is_detached(j->r, &j->fault); s = next) {
		next = TAILQ_NEXT(s, entry);
		for (size_t i = 0; i < j->n; i++)
			if (j->orphans[i] == s && !j->stay[i]) {
				orphan_free(d->devices->leases, s);
				break;
			}
	}
	(void)leases_save(d->devices->leases);
	job_free(j);
}

/* One that an older zcrxd noted does not say which hardware: then it is the interface of that number. */
static bool is_of(const struct record_lease *l, const struct device *d)
{
	return l->hardware[0] ? streq(l->hardware, nic_link_hardware_address(&d->link))
			      : l->ifindex == d->ifindex;
}

void orphans_remove(struct device *d)
{
	struct orphan_job *j;
	struct orphan *s;
	size_t n = 0;
	int r = 0;

	/* Queues without a NIC have no rules, and do not go. */
	if (TAILQ_EMPTY(&d->devices->leases->orphans) || d->ifindex == SOFTWARE_IFINDEX)
		return;
	j = calloc(1, sizeof(*j));
	if (j) {
		j->device = d;
		TAILQ_FOREACH(s, &d->devices->leases->orphans, entry)
			n++;
		j->leases = calloc(n, sizeof(*j->leases));
		j->orphans = calloc(n, sizeof(*j->orphans));
		j->stay = calloc(n, sizeof(*j->stay));
	}
	if (!j || !j->leases || !j->orphans || !j->stay)
		r = -ENOMEM;
	TAILQ_FOREACH(s, &d->devices->leases->orphans, entry) {
		struct record_lease l;

		if (r < 0 || record_parse_lease(s->text, &l) < 0)
			continue;
		if (is_of(&l, d)) {
			j->orphans[j->n] = s;
			j->leases[j->n++] = l;
		} else
			record_lease_done(&l);
	}
	if (r == 0 && j->n > 0)
		r = device_submit_reclaim(d, remove_run, remove_done, j);
	if (r < 0)
		log_errno(r, "Cannot remove orphaned rules on %s", d->name);
	if (j && (r < 0 || j->n == 0))
		job_free(j);
}
