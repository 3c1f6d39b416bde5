/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections that are older than the guard of their flow. What the guard keeps from TCP may have come to
 * them before, and TCP remembers that urgent data was announced (docs/KERNEL.md): so a flow is steered
 * when there is none, or it is the one that proved the flow and nothing is announced on it. Asked by the
 * job that inserts the rules, between the guard and the first of them.
 */
#pragma once

#include "flow.h"
#include "urgent.h"

struct flow_list;
struct lease;

struct older {
	struct nic_backend *backend;
	struct flow *flows;
	size_t n;
	uint64_t cookie; /* of the connection that proved them; 0 if none did */
	struct urgent urgent;
};

/* On the loop, when the guard for them is prepared. Those that have been guarded all the time since they
 * were steered before are not asked about. */
int older_prepare(struct lease *l, const struct flow_list *list, struct older *ret);
/* On the worker. Positive or negative: no rule may be inserted. */
int older_check(struct older *o, struct fault *reterr);
/* On the loop. */
void older_done(struct older *o);
