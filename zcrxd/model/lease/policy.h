/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * May this peer do this? The first rule that matches decides; nothing matches: denied. uid 0 is
 * subject to the rules like everybody; a configuration without a policy gives it the one rule
 * {user: root, flows: any, administer: true}, which is for processes of the host. Whose control group is not known is denied from
 * the first rule on that names him and a group. Pure: usage is counted by the caller.
 */
#pragma once

#include "config.h"
#include "cpus.h"
#include "fault.h"
#include "names.h"
#include "types.h"

/* What the peer's uid holds already. */
struct policy_usage {
	uint64_t queues;
	uint64_t area; /* bytes */
	uint64_t flows;
};

/* NULL if nothing matches. Who a rule is for but for its where: is not matched by it. */
const struct policy_rule *policy_match(const struct config *c, const struct peer *peer);

/* Whether what the peer may do depends on who bears the names in the policy now (account.h). */
bool policy_depends_on_names(const struct config *c, const struct peer *peer);

/* All of these: 0, or PERMISSION_DENIED (subject: the rule in words, "line 12 (group zcrx)" or
 * "no rule"), QUOTA_EXCEEDED (subject: the key), with a message that says who may help. */
int policy_check_acquire(const struct config *c, const struct peer *peer,
			 const struct interface_names *interface, unsigned queues,
			 const struct policy_usage *usage, struct fault *reterr);
/* *ret_limited: there is a max-area, so that what the peer has pinned has to be known. */
int policy_check_area(const struct config *c, const struct peer *peer, uint64_t size,
		      const struct policy_usage *usage, bool *ret_limited, struct fault *reterr);
/* So many flows more, however they are proved; *ret_limit is what the rule says. */
/* POLICY_UNLIMITED: there is no limit. */
uint64_t policy_max_queues(const struct config *c, const struct peer *peer);
uint64_t policy_max_area(const struct config *c, const struct peer *peer);
int policy_check_flows(const struct config *c, const struct peer *peer, uint64_t n,
		       const struct policy_usage *usage, uint64_t *ret_limit, struct fault *reterr);
/* A flow by value. FLOW_NOT_PROVED where the rule wants a proof or does not list it. */
int policy_check_flow(const struct config *c, const struct peer *peer, const struct flow *flow,
		      struct fault *reterr);
/* How the queues of a lease are polled. */
int policy_check_tune(const struct config *c, const struct peer *peer, struct fault *reterr);
/* Where an interrupt goes: only onto CPUs that are the peer's `own`, unless it is an administrator.
 */
int policy_check_cpus(const struct config *c, const struct peer *peer, const struct cpus *asked,
		      const struct cpus *own, struct fault *reterr);
bool policy_administers(const struct config *c, const struct peer *peer);
int policy_check_administer(const struct config *c, const struct peer *peer, const char *what,
			    struct fault *reterr);

/*
 * Whether the peer is, where he is, whom his uid belongs to: may he act on what that uid owns? A process of the
 * host is. In a container he is if the rule that he would have on the host is for containers as well.
 */
bool policy_is_owner(const struct config *c, const struct peer *peer, uid_t owner);

/* Whether a rule asks which groups somebody is in. */
bool policy_depends_on_groups(const struct config *c);
/*
 * Somebody who has not connected, for whom an administrator asks: nobody has seen where he is. He has what he has
 * on the host, or, where nothing is for him there, what he has in a container; in any control group.
 */
void policy_place_owner(const struct config *c, struct peer *owner);

/* The time to live that a request gets: the asked one capped by max-lease-time; with a limit, no
 * wish becomes the limit. UINT64_MAX: for ever. */
uint64_t policy_lease_time(const struct config *c, const struct peer *peer, uint64_t asked);
