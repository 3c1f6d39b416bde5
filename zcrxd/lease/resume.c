/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device is attached: its leases go on. Rules that were lost are inserted, those that nobody was told
 * of go, and what is over is drained. Called once for each device at start, and when it comes back.
 */
#include "drain.h"
#include "flows.h"
#include "leases.h"
#include "log.h"
#include "proof-check.h"
#include "resume.h"
#include "rules.h"
#include "snapshot.h"
#include "rss.h"
#include "unbind.h"

static void resume_flows(struct lease *l, enum flow_state wanted,
			 int (*act)(struct lease *l, const struct flow_list *list, flows_done done,
				    void *userdata))
{
	struct flow_list list = { .flows = calloc(l->n_flows + 1, sizeof(*list.flows)) };
	int r = list.flows ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < l->n_flows; i++)
		if (l->flows[i]->state == wanted) {
			l->flows[i]->lost = wanted == FLOW_INSTALLING;
			l->flows[i]->proof_lost |= wanted == FLOW_REMOVING;
			list.flows[list.n++] = l->flows[i];
		}
	if (list.n > 0)
		r = act(l, &list, NULL, NULL);
	flow_list_done(&list);
	if (r < 0)
		log_errno(r, "Cannot resume the flows of lease %08x", l->id);
}

/* What had to wait for the context. */
static void on_rss_done(struct lease *l, void *userdata)
{
	if (l->state == LEASE_DRAINING)
		return;
	(void)lease_flows_install_pending(l, ALL_QUEUES);
	proofs_addresses_changed(l->device);
}

/* Nobody empties the queue that they would lead to. */
static void leave_lifted(struct lease *l)
{
	for (size_t i = 0; i < l->n_flows; i++)
		if (l->flows[i]->state == FLOW_INSTALLING)
			l->flows[i]->state = FLOW_PENDING;
	lease_forget_record(l);
}

/* Its rings were closed and the kernel has freed its queues, before a daemon took them back: what is left is
 * the context. */
static bool has_stale_context(const struct lease *l)
{
	return l->state == LEASE_RESERVED && l->rss == LEASE_RSS_CONTEXT && !l->self_registered;
}

static void resume_lease(struct lease *l)
{
	bool unbind = l->state != LEASE_DRAINING && (l->unbind.regranting || lease_is_abandoned(l));

	if (unbind)
		leave_lifted(l);
	for (size_t i = 0; i < l->n_flows; i++)
		if (l->flows[i]->state == FLOW_INSTALLING && l->flows[i]->queue == ALL_QUEUES &&
		    !lease_has_rss(l)) {
			l->flows[i]->state = FLOW_PENDING;
			lease_forget_record(l);
		}
	lease_update_steered(l);
	if (has_stale_context(l)) {
		unbind = l->unbind.regranting = true;
		(void)lease_save(l);
	}
	resume_flows(l, FLOW_REMOVING, lease_flows_remove);
	if (l->state == LEASE_DRAINING) {
		lease_drain(l);
		return;
	}
	resume_flows(l, FLOW_INSTALLING, lease_flows_install);
	if (unbind)
		(void)lease_unbind(l, NULL, NULL);
	else if (lease_needs_rss(l))
		(void)lease_setup_rss(l, on_rss_done, NULL);
}

void leases_resume(struct device *d)
{
	struct lease *l, *next;

	for (l = TAILQ_FIRST(&d->devices->leases->list); l; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (l->device == d)
			resume_lease(l);
	}
	proofs_addresses_changed(d);
	if (leases_watch_rings(d->devices->leases) < 0)
		log_error("Cannot watch the rings of leases.");
}
