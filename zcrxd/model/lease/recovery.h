/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a daemon that starts makes of a lease that an earlier one has left: the record says whose it
 * is, the kernel says what there is, and this decides. docs/RECOVERY.md is the same table in words.
 */
#pragma once

#include "flow.h"
#include "lease.h"
#include "nic-state.h"

/* A flow of a lease. Its rule may be on its way in or out. */
enum flow_state {
	FLOW_PENDING, /* waits for the queue to be bound */
	FLOW_INSTALLING,
	FLOW_INSTALLED,
	FLOW_REMOVING,
	_FLOW_STATE_MAX,
};

/* How flows that name no queue reach those of a lease that has several. */
enum lease_rss {
	LEASE_RSS_NONE,	    /* not decided: not all queues are bound */
	LEASE_RSS_CREATING, /* an RSS context is being created */
	LEASE_RSS_CONTEXT,  /* by it */
	LEASE_RSS_PER_FLOW, /* there is none: each flow to one of the queues */
	_LEASE_RSS_MAX,
};

#define ALL_QUEUES UINT32_MAX /* in place of a queue's index in its lease */

const char *flow_state_to_string(enum flow_state s); /* pending, installing, installed, removing */

struct record_flow {
	uint64_t id;
	struct flow flow;
	uint32_t queue;	   /* index in the lease, or ALL_QUEUES */
	struct rule_target target; /* not known of FLOW_PENDING for all queues */
	enum flow_state state;
	uint32_t location;
	bool lifted; /* FLOW_PENDING: it is guarded, because its rule was there before */
	uint64_t proof;	   /* cookie of the socket that proved it; 0: it came by value */
};

struct record_proof {
	uint32_t queue; /* likewise */
	uid_t uid;	/* who showed the socket; an older zcrxd took the lease's owner for it */
	bool wildcard;
	struct socket_facts facts;
};

/* A lease as the state file keeps it. */
struct record_lease {
	uint32_t id;
	char *name;
	uid_t owner_uid;
	uid_t acquirer_uid; /* the owner, or the administrator who acquired it for him */
	pid_t owner_pid;    /* the acquirer's process */
	unsigned ifindex;
	char interface[IFNAMSIZ]; /* its name then; "" if an older zcrxd wrote it */
	char hardware[18];	  /* what it is known by should it go and come back; likewise */
	enum lease_state state;
	bool persistent, self_registered;
	bool granted; /* the kernel has answered: the client may have been, too */
	bool regranting; /* its queues are being taken back, to be granted to it again */
	bool force;   /* it is taken back by force */
	enum grant_kind grant;
	uint32_t queues[LEASE_QUEUES_MAX];
	uint64_t areas[LEASE_QUEUES_MAX];
	bool watched[LEASE_QUEUES_MAX]; /* whether their rings are there can be asked */
	uid_t client_uids[LEASE_QUEUES_MAX]; /* the owner's if an older zcrxd wrote it */
	struct tuning found[LEASE_QUEUES_MAX];
	size_t n_queues;
	enum lease_rss rss;
	uint32_t context;	/* LEASE_RSS_CONTEXT */
	uint64_t creation_usec; /* realtime */
	uint64_t expiry_usec;	/* CLOCK_BOOTTIME; 0 for never */
	uint64_t expiry_noted;	/* likewise in realtime: an older zcrxd knows no other */
	bool left; /* nothing in the configuration matched its interface, and it was left to its leases */
	uint64_t max_flows; /* no limit if an older zcrxd wrote it */
	uint64_t area_permitted; /* 0: no limit, or likewise */
	struct record_flow *flows;
	size_t n_flows;
	struct record_proof *proofs;
	size_t n_proofs;
	char *text; /* all of it, as it was read */
	const char *damaged; /* the key that could not be read; NULL: it is whole */
};

/* An area of a lease that is over, which a ring kept pinned. */
struct record_lingering {
	uid_t uid;
	uint64_t area;
	uint64_t ring_key;
};

struct record {
	uint64_t last_flow_id;
	struct record_lease *leases;
	size_t n_leases;
	struct record_lease
		*orphans; /* which are over, but their interface went with what was on it */
	size_t n_orphans;
	struct record_lingering *lingering;
	size_t n_lingering;
	size_t n_dropped; /* leases that could not be read at all */
	bool kept; /* the service manager was given descriptors to keep: fdstore.h */
};

void record_lease_done(struct record_lease *l);
void record_done(struct record *r);
#define _cleanup_record_ _cleanup_(record_done)

/* What the new daemon found beside the record. */
struct recovery_facts {
	const struct nic_state *nic; /* NULL: the interface is gone */
	bool has_handle;	     /* some copy of a handle is still open */
	bool store_lost;	     /* or it is not known: nothing that was stored came back */
	unsigned device_ifindex;     /* of the lease's netkit device; 0 if there is none */
	uint64_t now_usec;	     /* CLOCK_BOOTTIME */
};

enum recovery_verdict {
	RECOVERY_ADOPT,	  /* it goes on as it was */
	RECOVERY_RECLAIM, /* it is over: rules and grant go, in their order */
	RECOVERY_DISCARD, /* nothing of it is left to be taken back */
};

struct recovery {
	enum recovery_verdict verdict;
	const char *reason;	/* unless it is adopted */
	enum lease_state state; /* of an adopted one */
};

/* The netkit device that its queues are leased to is in another network namespace: whose it is can only be
 * asked there (nic_ops.ungrant). */
bool recovery_is_elsewhere(const struct record_lease *l, const struct nic_state *nic);

struct recovery recovery_decide(const struct record_lease *l, const struct recovery_facts *facts);

/* The queue has an ifq. */
bool recovery_is_bound(const struct record_lease *l, size_t queue, const struct nic_state *nic);

/* Whether the context is there; *ret_context its id then. One that was being made is known by its
 * table: when it was, nothing else led to these queues. LEASE_RSS_NONE: to be made again. */
enum lease_rss recovery_decide_spread(const struct record_lease *l, const struct nic_state *nic,
				      uint32_t *ret_context);

enum recovery_flow {
	RECOVERY_FLOW_KEEP,	 /* its rule is there, at *ret_location */
	RECOVERY_FLOW_REINSERT,	 /* it was there, and is not */
	RECOVERY_FLOW_REMOVE,	 /* its rule is there and goes: nobody was told of it, or it was going */
	RECOVERY_FLOW_DROP,	 /* so is the flow, but there is no rule */
	RECOVERY_FLOW_PENDING,	 /* still waits for its queue */
};

/* `proved`: it came by value, or the socket that proved it still does. */
enum recovery_flow recovery_decide_flow(const struct record_lease *l, const struct record_flow *f,
					bool proved, const struct nic_state *nic,
					uint32_t *ret_location);
/* The proof came with an AddFlow that was not answered: it goes with those flows. A socket that waits
 * for an address has none. */
bool recovery_is_untold(const struct record_lease *l, uint64_t cookie, uint32_t queue);
