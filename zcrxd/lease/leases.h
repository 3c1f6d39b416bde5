/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases as objects: what a client holds, and the performance of what model/lease/lease.c decides. Every
 * change of state goes through lease_event(); every kernel operation through the device's worker.
 *
 * lease.c model: what may follow what. leases.c: the object, its events, its effects. Each operation has
 * a file of its own: acquire.c, register.c, flows.c, tune.c, drain.c.
 */
#pragma once

#include <limits.h>

#include "checked-file.h"
#include "device.h"
#include "flow.h"
#include "histogram.h"
#include "lease.h"
#include "recovery.h"
#include "supply.h"
#include "taken.h"
#include "urgent.h"

struct leases;
struct prover;

/* A flow of a lease; its states are in recovery.h. */
struct lease_flow {
	uint64_t id;
	struct flow flow;
	unsigned queue;	   /* index in the lease, or ALL_QUEUES */
	struct rule_target target; /* unless FLOW_PENDING */
	enum flow_state state;
	bool lifted; /* its rule was there, until its ring was closed: FLOW_PENDING, or FLOW_REMOVING before */
	bool asked;	   /* by AddFlow, not answered yet: a crash takes back what nobody was told of */
	uint32_t location; /* of the rule, FLOW_INSTALLED and FLOW_REMOVING */
	struct proof *proof; /* the socket that proved it; NULL if it came by value */
	bool proof_lost;     /* it has to go as soon as it is installed */
	bool lost;	     /* somebody took its rule away: if it cannot be put back, the flow stays */
	struct taken taken;  /* FLOW_INSTALLED: what somebody else's rule does to it, when it was seen last */
};

/* Our end of a handle. */
struct lease_handle {
	LIST_ENTRY(lease_handle) entry;
	struct lease *lease;
	int fd;
	uint64_t cookie; /* SO_COOKIE of the client's end: the handle's name */
	sd_event_source *source;
};

struct lease_queue {
	bool registering;
	bool binding; /* from here on, nobody else may reach it */
	bool bound;
	bool watched; /* its ring: nic_backend_ops.count_rings tells whether it is there */
	uint64_t area;	  /* bytes accounted to the owner */
	struct supply supply; /* of its ring with buffers, and */
	bool shortage_told;   /* that there are too few */
	uint32_t napi_id;     /* when it was looked at last; 0: not known */
	struct tuning saved_tuning; /* what Tune has changed, as it was */
	uid_t client_uid; /* as whom the client connected */
	int client_pidfd; /* the process that registers; -EBADF if none did, or it is not known */
	int export_fd;	  /* of its ifq, export.h; -EBADF if there is none */
};

/* Called when the lease is FREE or QUARANTINED. */
typedef void (*lease_ended)(struct lease *lease, void *userdata);

struct lease_waiter {
	STAILQ_ENTRY(lease_waiter) entry;
	lease_ended ended;
	void *userdata;
};

/* The way back from bound to reserved: unbind.c. */
struct lease_unbind {
	bool wanted, begun, working;
	bool regranting; /* the queues are being taken back; on record */
	unsigned tries;
	uint64_t wait_until, start_after; /* CLOCK_MONOTONIC, us */
	uint64_t last;			  /* when it was done; 0: never */
	unsigned often;			  /* within a minute each */
	sd_event_source *timer;
	STAILQ_HEAD(, unbind_waiter) waiters;
};

struct lease {
	TAILQ_ENTRY(lease) entry;
	LIST_ENTRY(lease) same_bucket;
	/* What is looked at when all of them are comes together. */
	struct device *device;
	uint32_t id;
	uid_t owner_uid;
	enum lease_state state;
	unsigned n_queues;
	size_t n_flows;
	unsigned n_busy; /* operations under way: draining waits for them */
	struct leases *leases;
	unsigned ifindex; /* the device's when the lease was made */
	unsigned n_ref;
	char *name;
	uid_t acquirer_uid; /* the owner, or the administrator who acquired it for him */
	pid_t owner_pid;    /* the acquirer's process */
	bool persistent, self_registered;
	char *reason; /* why it is draining or quarantined */
	enum lease_event end; /* of what it is draining; LEASE_ACQUIRE: not known (any more) */

	uint32_t queues[LEASE_QUEUES_MAX]; /* hardware queues */
	struct lease_queue per_queue[LEASE_QUEUES_MAX];
	enum lease_rss rss;
	uint32_t context; /* LEASE_RSS_CONTEXT */
	bool context_lost; /* by the driver, whatever the kernel lists: no rule can lead to it */
	struct grant grant;
	bool granted;
	bool grant_moved; /* its netkit device went to another network namespace, as it was lost */

	struct lease_flow **flows;
	uint64_t max_flows;   /* of its owner, as the policy said when flows were last asked for */
	uint64_t area_permitted; /* for each queue, by the policy when it was acquired; 0: no limit */
	bool may_fill_table;  /* likewise: the NIC's, to the last entry */
	char *taken;	      /* what others' rules do to its flows, as it was told; NULL: nothing */
	LIST_HEAD(, proof) proofs;
	unsigned n_proofs;
	LIST_HEAD(, lease_handle) handles;
	unsigned n_handles;
	LIST_HEAD(sharer_list, sharer) sharers; /* share.h */

	uint64_t creation_usec; /* realtime */
	uint64_t expiry_usec;	/* CLOCK_BOOTTIME; 0 for never */
	uint64_t expiry_told;	/* the same in realtime, as clients were told */
	uint64_t expiry_noted;	/* likewise, for an older zcrxd, which knows no other clock */
	sd_event_source *expiry;

	bool draining;	      /* lease/drain.c is at work */
	bool drain_due;	      /* it was to go on while an operation was under way */
	unsigned drain_tries;
	unsigned ring_tries; /* that waited for the client's rings to close */
	unsigned area_tries; /* that found an area being added */
	uint64_t dry_until; /* CLOCK_MONOTONIC, us: so long it waits for others to end (dry.h); 0: it does not */
	struct question *question; /* of the last of them, as long as it is not answered */
	uint64_t grace_until; /* CLOCK_MONOTONIC, us: a revoked client may go on, unsteered, until then */
	bool force;	      /* its client is killed if the queue does not come back otherwise */
	bool killed;	      /* it was */
	bool orphan;	      /* its interface went, and what it had there is noted: orphans.h */
	sd_event_source *drain_timer;
	STAILQ_HEAD(, lease_waiter) waiters;
	struct lease_unbind unbind;
	char *record; /* its part of the state file; NULL: to be made */
	bool changed; /* it is to be written: among the leases' `changed` */
	bool over;    /* or is in no list any more */
	LIST_ENTRY(lease) changed_entry;
	LIST_ENTRY(lease) ending_entry, active_entry;
	uint64_t ending_since; /* CLOCK_MONOTONIC: it is draining, or quarantined */
	bool listed, active;
};

/* What those who stand above the leases do about them: set once, by the manager. */
struct lease_hooks {
	void (*changed)(struct lease *l);     /* its state */
	void (*acquired)(struct device *d);   /* queues of it, or that failed */
	void (*freed)(struct device *d);      /* it was one of the device's, and is over */
	void (*look)(struct device *d);	      /* somebody else's rule or table was in the way */
	void (*saved)(struct leases *leases); /* the record can be written (again), or cannot any more */
	void (*idle)(struct leases *leases);  /* an operation has ended */
	void (*touched)(struct device *d);    /* something of a lease on it changes: lease_touch() */
};

TAILQ_HEAD(lease_list, lease);
TAILQ_HEAD(orphan_list, orphan);
TAILQ_HEAD(lingering_list, lingering);
LIST_HEAD(registrar_list, registrar);
LIST_HEAD(lease_some, lease);

#define LEASE_BUCKETS 1024 /* ids are random */

/* The state file, and what of it does not hold any more: written by the next leases_save(). */
struct lease_file {
	char *path;
	struct growing_file file;
	bool whole;	/* what changes do not tell has changed */
	bool lingering; /* areas of leases that are over have */
	struct lease_some changed;
	uint32_t *gone; /* the ids of leases that are over */
	size_t n_gone;
};

struct leases {
	struct lease_list list;
	struct lease_some by_id[LEASE_BUCKETS];
	struct loop *loop;
	struct nic_backend *backend;
	struct devices *devices;
	const struct lease_hooks *hooks;
	struct orphan_list orphans;	 /* what went with a NIC: orphans.h */
	struct lingering_list lingering; /* areas of leases that are over: lingering.h */
	struct registrar_list registrars;
	struct registrar *ready_registrar; /* among them: it waits for its request */
	struct registrar *first_registrar; /* it makes those */
	struct prover *prover; /* prover.h */
	struct urgent_slot urgent[URGENT_MAX];
	sd_event_source *proof_timer, *ring_timer, *registrar_timer;
	struct lease_some ending; /* those that are draining or quarantined */
	struct lease_some active; /* all but those that are reserved, and nothing is done with */
	uint64_t last_flow_id;
	int ring_epoll_fd;	/* nic_backend_ops.rings(); borrowed */
	bool ring_epoll_stored; /* the service manager has a copy */
	struct lease_file state;
	char *state_set_aside;	     /* what became of a state file that could not be read */
	int state_error;	     /* why its last write failed, and that was said; or 0 */
	sd_event_source *save_timer; /* then it is tried again */
	bool store_marked;	     /* the service manager has the mark: fdstore.h */
	size_t n_store_lost;	     /* leases that it did not keep, at start */
	size_t n_dropped;	     /* leases that could not be read, at start */
	uint64_t n_ends[_LEASE_EVENT_MAX]; /* by what ended them, since the start */
	struct histogram end_times;	   /* until their queues were free again */
};

/* Nothing that is in it already is touched. */
void leases_init(struct leases *leases);
/* The lists have to be empty. */
void leases_done(struct leases *leases);

struct lease *lease_ref(struct lease *l);
struct lease *lease_unref(struct lease *l);
DEFINE_CLEANUP(struct lease *, lease_unref)

struct lease *leases_find(struct leases *leases, uint32_t id);
/* It is among the leases from here on, and among those of its device. */
void lease_list(struct lease *l);
void lease_unlist(struct lease *l);
/* For lease_event(), and for what was there before. */
void lease_set_state(struct lease *l, enum lease_state state);
/* What the uid holds already, for the policy. */
struct policy_usage;
void leases_usage(struct leases *leases, uid_t uid, struct policy_usage *ret);
/* The lease with a flow that overlaps this one on the device, other than `except`; NULL if none. */
struct lease *leases_find_overlap(struct device *d, const struct flow *flow,
				  const struct lease *except);
uint64_t lease_area(const struct lease *l);

/* Writes who owns what, after this lease changed. An act that is not on record is not done: callers
 * that are about to act for a client refuse if this fails. */
int lease_save(struct lease *l);
/* The same, after leases came or went. */
int leases_save(struct leases *leases);
/* 0 if the last of them worked, else a refusal that says what was to be done. */
int lease_check_saved(const struct lease *l, const char *act, struct fault *reterr);
/* The daemon ends, the leases do not. */
void leases_detach(struct leases *leases);

/* The queues of the leases that an earlier daemon has left are theirs. */
void leases_claim_queues(struct device *d);

/* To watchers: an EventKind of the IDL; `reason` may be NULL, deadline_usec 0. */
void lease_announce(const struct lease *l, const char *event, const char *reason, uint64_t deadline_usec);

/* The table's word on what a client asks for: WRONG_STATE with *reterr if it refuses. */
int lease_may(const struct lease *l, enum lease_event event, struct fault *reterr);
/* The one setter. Performs the effects; WRONG_STATE with *reterr if the table refuses. */
int lease_event(struct lease *l, enum lease_event event, const char *reason,
		struct fault *reterr);
/* An operation begins: DRAINING waits for its end. It keeps a reference. */
void lease_op_begin(struct lease *l);
/* Queues, flows, proofs or rings of it change, or are about to: what was copied of it does not hold any more. */
void lease_touch(struct lease *l);
void lease_op_end(struct lease *l);
/* `ended` is called once, at once if the lease is over already. */
int lease_wait(struct lease *l, lease_ended ended, void *userdata);

/* So many descriptors more can be stored for the next daemon; QUOTA_EXCEEDED. Those of users who hold
 * little have room left. */
int lease_check_store(const struct lease *l, unsigned n, struct fault *reterr);

void leases_interface_gone(struct device *d);
/* Some link is gone: if it was a lease's netkit device, somebody took the queues from it. */
void leases_link_gone(struct leases *leases, unsigned ifindex, uint32_t id, bool moved);
/* The same for every link that is not there, should we not have been told. */
int leases_check_links(struct leases *leases);
