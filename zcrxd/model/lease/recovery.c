/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See recovery.h. The kernel is the truth about what exists, the record about whose it is.
 */
#include "recovery.h"

static const char *const flow_states[_FLOW_STATE_MAX] = {
	[FLOW_PENDING] = "pending",
	[FLOW_INSTALLING] = "installing",
	[FLOW_INSTALLED] = "installed",
	[FLOW_REMOVING] = "removing",
};

const char *flow_state_to_string(enum flow_state s)
{
	return flow_states[s];
}

void record_lease_done(struct record_lease *l)
{
	free(l->name);
	free(l->flows);
	free(l->proofs);
	free(l->text);
	*l = (struct record_lease){};
}

void record_done(struct record *r)
{
	for (size_t i = 0; i < r->n_leases; i++)
		record_lease_done(&r->leases[i]);
	for (size_t i = 0; i < r->n_orphans; i++)
		record_lease_done(&r->orphans[i]);
	free(r->leases);
	free(r->orphans);
	free(r->lingering);
	*r = (struct record){};
}

static struct recovery reclaim(const char *reason)
{
	return (struct recovery) { .verdict = RECOVERY_RECLAIM, .reason = reason };
}

/* Every queue of the lease is leased to its device, as the grant made it. */
static bool grant_is_whole(const struct record_lease *l, const struct recovery_facts *f)
{
	for (size_t i = 0; i < l->n_queues; i++) {
		uint32_t q = l->queues[i];

		if (q >= f->nic->n_queues || !f->nic->queues[q].leased ||
		    f->nic->queues[q].lease_ifindex != f->device_ifindex)
			return false;
	}
	return true;
}

bool recovery_is_elsewhere(const struct record_lease *l, const struct nic_state *nic)
{
	for (size_t i = 0; i < l->n_queues; i++)
		if (l->queues[i] < nic->n_queues && nic->queues[l->queues[i]].lease_elsewhere)
			return true;
	return false;
}

static bool is_bound(const struct record_lease *l, const struct nic_state *nic)
{
	for (size_t i = 0; i < l->n_queues; i++)
		if (l->queues[i] < nic->n_queues && nic->queues[l->queues[i]].io_uring)
			return true;
	return false;
}

static bool is_steered(const struct record_lease *l)
{
	for (size_t i = 0; i < l->n_flows; i++)
		if (l->flows[i].state == FLOW_INSTALLED)
			return true;
	return false;
}

struct recovery recovery_decide(const struct record_lease *l, const struct recovery_facts *f)
{
	if (!f->nic)
		return (struct recovery) { .verdict = RECOVERY_DISCARD,
					   .reason = "the interface is gone" };
	if (l->damaged)
		return reclaim("its record could not be read");
	if (l->state == LEASE_DRAINING || l->state == LEASE_QUARANTINED)
		return reclaim("it was being reclaimed");
	if (!l->granted && !l->regranting)
		return reclaim("zcrxd ended while the lease was being made");
	if (!l->persistent && !f->has_handle)
		return reclaim(f->store_lost
				       ? "the service manager did not keep its handle while zcrxd "
					 "was away"
				       : "its handle was closed while zcrxd was away");
	if (l->expiry_usec != 0 && l->expiry_usec <= f->now_usec)
		return reclaim("its time to live ended while zcrxd was away");
	if (l->grant == GRANT_NETKIT && f->device_ifindex == 0 && recovery_is_elsewhere(l, f->nic))
		return reclaim(
			"its netkit device was moved to another network namespace while zcrxd was "
			"away");
	if (l->grant == GRANT_NETKIT && f->device_ifindex == 0 && !l->regranting)
		return reclaim("its netkit device was deleted while zcrxd was away");
	/* A NIC that is down does not tell. */
	if (l->grant == GRANT_NETKIT && f->nic->up && !l->regranting && !grant_is_whole(l, f))
		return reclaim("its queues are not leased to its netkit device");
	return (struct recovery){
		.verdict = RECOVERY_ADOPT,
		.state = is_steered(l)		  ? LEASE_STEERED
			 : is_bound(l, f->nic)	  ? LEASE_BOUND
			 : l->state == LEASE_BOUND && !f->nic->up ? LEASE_BOUND
								  : LEASE_RESERVED,
	};
}

enum lease_rss recovery_decide_spread(const struct record_lease *l, const struct nic_state *nic,
				      uint32_t *ret_context)
{
	const struct rss_table *t;

	if (l->rss == LEASE_RSS_NONE || l->rss == LEASE_RSS_PER_FLOW)
		return l->rss;
	if (nic->detached && l->rss == LEASE_RSS_CONTEXT) {
		*ret_context = l->context;
		return LEASE_RSS_CONTEXT;
	}
	t = nic_state_own_context(nic, l->rss == LEASE_RSS_CONTEXT ? l->context : 0, l->queues,
				  l->n_queues);
	if (!t)
		return LEASE_RSS_NONE;
	*ret_context = t->context;
	return LEASE_RSS_CONTEXT;
}

static bool find_rule(const struct nic_state *nic, const struct record_flow *f,
		      uint32_t *ret_location)
{
	bool found = false;

	/* It was decided nowhere yet where that would lead. */
	if (f->state == FLOW_PENDING && f->queue == ALL_QUEUES)
		return false;
	for (size_t i = 0; i < nic->n_rules; i++) {
		const struct nic_rule *r = &nic->rules[i];

		if (!nic_rule_is(r, &f->flow, &f->target))
			continue;
		/* Of several alike, the one that was noted. */
		if (!found || r->location == f->location)
			*ret_location = r->location;
		found = true;
	}
	/* It may be there: what is on record holds until the NIC tells, which one that is down need not. */
	if (!found && !nic->up && f->state != FLOW_PENDING) {
		*ret_location = f->location;
		found = true;
	}
	return found;
}

bool recovery_is_bound(const struct record_lease *l, size_t queue, const struct nic_state *nic)
{
	uint32_t q = l->queues[queue];

	/* A NIC that is down does not tell; an area was accounted with the ifq. */
	return nic->up ? q < nic->n_queues && nic->queues[q].io_uring
		       : l->state >= LEASE_BOUND && l->areas[queue] > 0;
}

/* Its queue has an ifq, or gets one without our help: nothing is to be waited for. */
static bool is_ready(const struct record_lease *l, const struct record_flow *f,
		     const struct nic_state *nic)
{
	if (l->self_registered)
		return true;
	for (size_t i = 0; i < l->n_queues; i++)
		if ((f->queue == ALL_QUEUES || f->queue == i) && !recovery_is_bound(l, i, nic))
			return false;
	return true;
}

enum recovery_flow recovery_decide_flow(const struct record_lease *l, const struct record_flow *f,
					bool proved, const struct nic_state *nic,
					uint32_t *ret_location)
{
	bool found = find_rule(nic, f, ret_location);

	switch (f->state) {
	case FLOW_PENDING:
		if (!proved)
			return RECOVERY_FLOW_DROP;
		if (!is_ready(l, f, nic))
			return RECOVERY_FLOW_PENDING;
		return found ? RECOVERY_FLOW_KEEP : RECOVERY_FLOW_REINSERT;
	case FLOW_INSTALLED:
		if (proved)
			return found ? RECOVERY_FLOW_KEEP : RECOVERY_FLOW_REINSERT;
		break;
	case FLOW_INSTALLING:
	case FLOW_REMOVING:
	case _FLOW_STATE_MAX:
		break;
	}
	return found ? RECOVERY_FLOW_REMOVE : RECOVERY_FLOW_DROP;
}

bool recovery_is_untold(const struct record_lease *l, uint64_t cookie, uint32_t queue)
{
	bool any = false;

	for (size_t i = 0; i < l->n_flows; i++) {
		const struct record_flow *f = &l->flows[i];

		if (f->proof != cookie || f->queue != queue)
			continue;
		if (f->state != FLOW_INSTALLING)
			return false;
		any = true;
	}
	return any;
}
