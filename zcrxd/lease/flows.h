/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows of a lease, as it has them.
 */
#pragma once

#include "leases.h"

struct flow_list {
	struct lease_flow **flows;
	size_t n;
};

/* What the policy lets the peer have; QUOTA_EXCEEDED. Asked before they are noted. */
int lease_flows_check_quota(struct lease *l, const struct peer *peer, size_t n,
			    struct fault *reterr);
/* Notes the flows as FLOW_PENDING; FLOW_CONFLICT, QUOTA_EXCEEDED. `proof` may be NULL. */
int lease_flows_add(struct lease *l, unsigned queue, const struct flow *flows, size_t n,
		    struct proof *proof, struct flow_list *ret, struct fault *reterr);
/* One that an earlier daemon has noted. */
int lease_flow_adopt(struct lease *l, const struct record_flow *saved, enum flow_state state,
		     uint32_t location, struct proof *proof);
struct lease_flow *lease_find_flow(struct lease *l, uint64_t id);
void lease_flow_free(struct lease *l, struct lease_flow *f);
/* The same of one that has no rule, whether or not it had one before. */
void lease_flow_drop(struct lease *l, struct lease_flow *f);
/* All of them: they were noted, but are not on their way. */
void lease_flows_free(struct lease *l, const struct flow_list *list);
void flow_list_done(struct flow_list *list);
/* Steered no more if no flow is left that could be. */
void lease_update_steered(struct lease *l);
/* Some queue of it has an ifq. */
bool lease_is_bound(const struct lease *l);
