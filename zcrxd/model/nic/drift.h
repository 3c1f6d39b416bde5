/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What somebody else has changed on a NIC: what was observed against what should be. Found here, from
 * values alone; closed, repaired and told by reconcile/drift.c.
 */
#pragma once

#include "nic-state.h"
#include "plan.h"

/* One line of a journal, one field of an event: enough to act on, not a dump. */
#define DRIFT_LISTED_MAX 6

enum drift_severity {
	DRIFT_NOTED,   /* somebody else's, and in nobody's way yet */
	DRIFT_CHANGED, /* not as it should be */
	DRIFT_LEAK, /* ordinary traffic gets into a bound queue, or what the kernel panics on into a
		     * steered flow: to be closed at once */
};

enum drift_kind {
	DRIFT_TABLE,	 /* the default RSS table leads to carved-out queues */
	DRIFT_CONTEXT,	 /* somebody's RSS context does */
	DRIFT_RULE,	 /* somebody's rule does */
	DRIFT_RFS,	 /* accelerated RFS may */
	DRIFT_GUARD,	 /* nothing keeps dangerous segments from steered flows */
	DRIFT_RULE_LOST, /* a lease's own rule is gone */
	DRIFT_CONTEXT_LOST, /* a lease's own RSS context is */
	DRIFT_TAKEN,	 /* somebody's rule takes what a lease's own rule is for (taken.h) */
	DRIFT_SETTING,	 /* what a step of the plan would put right */
};

/* A carved-out queue that is leased. */
struct drift_queue {
	uint32_t queue;
	uint32_t lease;
	uid_t uid; /* its owner */
	bool bound; /* an ifq is on it, or is being put there */
};

/* A flow of a lease. */
struct drift_flow {
	uint64_t id;
	uint32_t lease;
	struct rule_target target;
	struct flow flow;
	bool installed; /* its rule has to be there; else it may or may not */
	uint32_t location; /* where that was put; somebody may have moved it */
};

/* The RSS context of a lease, over all of its queues. */
struct drift_context {
	uint32_t lease, context;
	const uint32_t *queues;
	size_t n_queues;
	bool lost; /* the driver has said so, whatever the kernel lists */
};

struct drift_expected {
	struct carve_out carve_out; /* all zero if it is not known */
	const struct drift_queue *queues;
	size_t n_queues;
	const struct drift_flow *flows;
	size_t n_flows;
	const struct drift_context *contexts;
	size_t n_contexts;
};

struct deviation {
	enum drift_kind kind;
	enum drift_severity severity;
	uint64_t flow;	/* RULE_LOST, TAKEN: the flow's id */
	bool movable;	/* TAKEN: its own rule can be put before that one */
	uint32_t lease; /* CONTEXT_LOST: whose */
	uint64_t digest; /* of what the text says */
	char *text;	/* "rule 3, which is not zcrxd's, leads to queue 6" */
	bool *affected; /* of expected->queues: whose owner suffers */
};

struct taken;

struct drift {
	struct deviation *list;
	size_t n;
	size_t n_queues; /* length of `affected` */
	struct taken *taken; /* by drift_find_leaks(): of each of expected->flows, who takes it; or
				NULL */
};

void drift_done(struct drift *d);
#define _cleanup_drift_ _cleanup_(drift_done)

/*
 * Tables, contexts and rules. Our own are known by what they say, wherever they are. -ENOMEM only;
 * what was found before that is in *d.
 */
int drift_find_leaks(const struct nic_state *s, const struct drift_expected *e, struct drift *d);
/* What this plan would change, but for a table that drift_find_leaks() has found. */
int drift_find_settings(const struct plan *plan, const struct drift_expected *e, struct drift *d);
/* A NIC that cannot be what it has to be any more, for this reason. */
int drift_add_setting(const char *text, const struct drift_expected *e, struct drift *d);

/* Nothing but what others had there first, perhaps: it is no change that somebody makes again and again. */
bool drift_is_taken_only(const struct drift *d);

/* Of what was found, and of who suffers: equal exactly if that is; 0 for no drift at all. */
uint64_t drift_digest(const struct drift *d, const struct drift_expected *e);
/* "TEXT; TEXT; affected: lease 0badcafe of uid 1000 (queue 5)"; of the rest only how many. NULL for
 * no drift at all. -ENOMEM only. */
int drift_format(const struct drift *d, const struct drift_expected *e, char **ret);

/* The default table leads to one of these. */
bool drift_table_leads(const struct nic_state *s, const uint32_t *queues, size_t n);
