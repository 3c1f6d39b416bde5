/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows of a lease, as it has them: noted, found, forgotten. Their rules are in rules.c.
 */
#include <errno.h>

#include "flow-guard.h"
#include "flows.h"
#include "policy.h"
#include "proof.h"
#include "snapshot.h"

void flow_list_done(struct flow_list *list)
{
	free(list->flows);
	*list = (struct flow_list){};
}

struct lease_flow *lease_find_flow(struct lease *l, uint64_t id)
{
	for (size_t i = 0; i < l->n_flows; i++)
		if (l->flows[i]->id == id)
			return l->flows[i];
	return NULL;
}

void lease_flow_free(struct lease *l, struct lease_flow *f)
{
	for (size_t i = 0; i < l->n_flows; i++) {
		if (l->flows[i] != f)
			continue;
		l->flows[i] = l->flows[--l->n_flows];
		if (f->proof)
			proof_unref_flow(f->proof);
		free(f);
		return;
	}
}

void lease_flow_drop(struct lease *l, struct lease_flow *f)
{
	/* It was guarded for as long as it could come back. */
	if (f->state == FLOW_PENDING && f->lifted)
		flow_guard_linger(l->device, &f->flow, true);
	lease_flow_free(l, f);
}

void lease_flows_free(struct lease *l, const struct flow_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		lease_flow_free(l, list->flows[i]);
}

static int check_conflict(struct lease *l, const struct flow *flow, struct fault *reterr)
{
	_cleanup_free_ char *text = NULL;
	struct lease *other = leases_find_overlap(l->device, flow, l);
	char id[LEASE_ID_DIGITS + 1];

	if (!other)
		return 0;
	if (flow_format(flow, &text) < 0)
		return -ENOMEM;
	lease_id_format(other->id, id);
	return fault_set(reterr, ZCRX_FLOW_CONFLICT, id,
			 "Lease %s has a flow already that overlaps %s. A packet can go to one queue "
			 "only: release that flow first, or choose another port or address.", id, text);
}

static int append_flow(struct lease *l, const struct lease_flow *like)
{
	struct lease_flow **grown, *f;

	grown = reallocarray(l->flows, l->n_flows + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	l->flows = grown;
	f = malloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	*f = *like;
	if (f->proof)
		proof_ref_flow(f->proof);
	l->flows[l->n_flows++] = f;
	return 0;
}

int lease_flow_adopt(struct lease *l, const struct record_flow *saved, enum flow_state state,
		     uint32_t location, struct proof *proof)
{
	return append_flow(l, &(struct lease_flow){ .id = saved->id, .flow = saved->flow,
						    .queue = saved->queue,
						    .target = saved->target, .state = state,
						    .lifted = saved->lifted || (state == FLOW_INSTALLING &&
									saved->state == FLOW_INSTALLED),
						    .location = location, .proof = proof });
}

int lease_flows_check_quota(struct lease *l, const struct peer *peer, size_t n,
			    struct fault *reterr)
{
	const struct config *c = l->device->devices->config;
	struct policy_usage usage;

	leases_usage(l->leases, l->owner_uid, &usage);
	l->may_fill_table = policy_administers(c, peer);
	lease_forget_record(l); /* max_flows is on record */
	return policy_check_flows(c, peer, n, &usage, &l->max_flows, reterr);
}

/* Nobody asks when an address is added: the same limit as before holds. */
static int check_quota(struct lease *l, size_t n, struct fault *reterr)
{
	struct policy_usage usage;

	if (n == 0)
		return 0;
	leases_usage(l->leases, l->owner_uid, &usage);
	if (usage.flows + n <= l->max_flows)
		return 0;
	return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "max-flows",
			 "This user holds %ju flows, and the policy sets max-flows to %ju; remove some, "
			 "or ask an administrator to change the policy in the configuration.",
			 (uintmax_t)usage.flows, (uintmax_t)l->max_flows);
}

int lease_flows_add(struct lease *l, unsigned queue, const struct flow *flows, size_t n,
		    struct proof *proof, struct flow_list *ret, struct fault *reterr)
{
	const uint64_t last_id = l->leases->last_flow_id;
	size_t before = l->n_flows;
	int r = 0;

	if (n + l->n_flows > LEASE_FLOWS_MAX)
		return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "flows",
				 "A lease has at most %u flows; this one has %zu and %zu more are asked.",
				 LEASE_FLOWS_MAX, l->n_flows, n);
	r = check_quota(l, n, reterr);
	if (r != 0)
		return r;
	ret->flows = calloc(n + 1, sizeof(*ret->flows));
	if (!ret->flows)
		return -ENOMEM;
	ret->n = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		r = check_conflict(l, &flows[i], reterr);
		if (r == 0)
			r = append_flow(l, &(struct lease_flow){ .id = ++l->leases->last_flow_id,
								 .flow = flows[i], .queue = queue,
								 .state = FLOW_PENDING, .proof = proof });
		if (r == 0)
			ret->flows[ret->n++] = l->flows[l->n_flows - 1];
	}
	if (r != 0) {
		while (l->n_flows > before)
			lease_flow_free(l, l->flows[l->n_flows - 1]);
		flow_list_done(ret);
		l->leases->last_flow_id = last_id; /* what is refused leaves nothing to be saved */
	}
	return r;
}

static bool lease_is_steered(const struct lease *l)
{
	for (size_t i = 0; i < l->n_flows; i++)
		if (l->flows[i]->state != FLOW_PENDING)
			return true;
	return false;
}

bool lease_is_bound(const struct lease *l)
{
	for (unsigned i = 0; i < l->n_queues; i++)
		if (l->per_queue[i].bound)
			return true;
	return false;
}

void lease_update_steered(struct lease *l)
{
	if (l->state == LEASE_STEERED && !lease_is_steered(l))
		(void)lease_event(l, lease_is_bound(l) ? LEASE_LAST_FLOW_GONE
						       : LEASE_LAST_FLOW_GONE_UNBOUND,
				  NULL, NULL);
}
