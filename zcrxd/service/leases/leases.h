/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases as objects: what a client holds, and the performance of what model/lease.c decides. Every
 * change of state goes through lease_event(); every kernel operation through the device's worker.
 *
 * lease.c model: what may follow what. leases.c: the object, its events, its effects.
 * leases/acquire.c, leases/register.c, leases/flows.c, leases/drain.c: one operation each.
 */
#pragma once

#include <limits.h>

#include "device.h"
#include "flow.h"
#include "lease.h"
#include "manager.h"
#include "recovery.h"
#include "taken.h"

struct socket_check;

enum proof_question {
	PROOF_STILL,
	PROOF_MORE,
	_PROOF_QUESTION_MAX,
};

/* Flows that a socket proves and that are not steered: leases/left-out.h. */
#define LEFT_OUT_LISTED 16
struct left_out {
	size_t n;
	struct flow flows[LEFT_OUT_LISTED]; /* the first of them */
	char *why;
	uint64_t again; /* CLOCK_MONOTONIC: when they are tried again */
};

/* A socket that proved flows, or is about to. */
struct proof {
	LIST_ENTRY(proof) entry;
	struct lease *lease;
	unsigned queue;
	uid_t uid; /* who showed it */
	unsigned n_flows;
	struct socket_facts facts;
	bool proved;   /* else it is being asked about for the first time */
	bool wildcard; /* follows the addresses of the interface */
	bool gone;     /* destroyed, or not what it was */
	bool asked;    /* by an AddFlow that has not succeeded yet: without a flow it is freed */
	bool awaited;  /* its end is an event */
	/* Under way: whether its flows are proved still; whether those of new addresses are. */
	struct socket_check *questions[_PROOF_QUESTION_MAX];
	bool addresses_changed; /* once more, after the second */
	struct left_out left_out;
	struct urgent urgent;	/* of a connection: until its first flow is steered */
	bool stored;   /* the epoll is in the service manager's store */
	int epoll_fd;
	sd_event_source *source;
};

/* A flow of a lease; its states are in recovery.h. */
struct lease_flow {
	uint64_t id;
	struct flow flow;
	unsigned queue;	   /* index in the lease, or ALL_QUEUES */
	struct rule_target target; /* unless FLOW_PENDING */
	enum flow_state state;
	bool asked;	   /* by AddFlow, not answered yet: a crash takes back what nobody was told of */
	uint32_t location; /* of the rule, FLOW_INSTALLED and FLOW_REMOVING */
	struct proof *proof; /* the socket that proved it; NULL if it came by value */
	bool unproved;	     /* it has to go as soon as it is installed */
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
	uint64_t area;	  /* bytes accounted to the owner */
	struct tuning found; /* what Tune has changed, as it was */
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

struct lease {
	TAILQ_ENTRY(lease) entry;
	struct manager *manager;
	struct device *device;
	unsigned ifindex; /* the device's when the lease was made */
	unsigned n_ref;
	uint32_t id;
	char *name;
	uid_t owner_uid;
	pid_t owner_pid;
	enum lease_state state;
	bool persistent, self_registered;
	char *reason; /* why it is draining or quarantined */
	enum lease_event end; /* of what it is draining; LEASE_ACQUIRE: not known (any more) */

	uint32_t queues[LEASE_QUEUES_MAX]; /* hardware queues */
	unsigned n_queues;
	struct lease_queue per_queue[LEASE_QUEUES_MAX];
	enum spread_state spread;
	uint32_t context; /* SPREAD_CONTEXT */
	struct grant grant;
	bool granted;
	bool grant_moved; /* its netkit device went to another network namespace, as it was lost */

	struct lease_flow **flows;
	size_t n_flows;
	uint64_t max_flows;   /* of its owner, as the policy said when flows were last asked for */
	bool may_fill_table;  /* likewise: the NIC's, to the last entry */
	char *taken;	      /* what others' rules do to its flows, as it was told; NULL: nothing */
	LIST_HEAD(, proof) proofs;
	unsigned n_proofs;
	LIST_HEAD(, lease_handle) handles;
	unsigned n_handles;

	uint64_t creation_usec; /* realtime */
	uint64_t expiry_usec;	/* CLOCK_BOOTTIME; 0 for never */
	uint64_t expiry_told;	/* the same in realtime, as clients were told */
	uint64_t expiry_noted;	/* likewise, for an older zcrxd, which knows no other clock */
	sd_event_source *expiry;

	unsigned n_busy;      /* operations under way: draining waits for them */
	bool draining;	      /* leases/drain.c is at work */
	unsigned drain_tries;
	unsigned ring_tries; /* that waited for the client's rings to close */
	unsigned area_tries; /* that found an area being added */
	struct question *question; /* of the last of them, as long as it is not answered */
	uint64_t grace_until; /* CLOCK_MONOTONIC, us: a revoked client may go on, unsteered, until then */
	bool force;	      /* its client is killed if the queue does not come back otherwise */
	bool killed;	      /* it was */
	bool stray;	      /* its interface went, and what it had there is noted: strays.h */
	sd_event_source *drain_timer;
	STAILQ_HEAD(, lease_waiter) waiters;
	char *record; /* its part of the state file; NULL: to be made */
};

struct lease *lease_ref(struct lease *l);
struct lease *lease_unref(struct lease *l);
DEFINE_CLEANUP(struct lease *, lease_unref)

struct lease *leases_find(struct manager *m, uint32_t id);
/* What the uid holds already, for the policy. */
struct policy_usage;
void leases_usage(struct manager *m, uid_t uid, struct policy_usage *ret);
/* The lease with a flow that overlaps this one on the device, other than `except`; NULL if none. */
struct lease *leases_find_overlap(struct device *d, const struct flow *flow,
				  const struct lease *except);
uint64_t lease_area(const struct lease *l);

/* Writes who owns what, after this lease changed. An act that is not on record is not done: callers
 * that are about to act for a client refuse if this fails. */
int lease_save(struct lease *l);
/* The same, after leases came or went. */
int leases_save(struct manager *m);
/* 0 if the last of them worked, else a refusal that says what was to be done. */
int lease_check_saved(const struct lease *l, const char *act, struct fault *reterr);
/* The daemon ends, the leases do not. */
void leases_leave(struct manager *m);

/* The queues of the leases that an earlier daemon has left are theirs. */
void leases_claim_queues(struct device *d);

/* The one setter. Performs the effects; WRONG_STATE with *reterr if the table refuses. */
int lease_event(struct lease *l, enum lease_event event, const char *reason,
		struct fault *reterr);
/* An operation begins: DRAINING waits for its end. It keeps a reference. */
void lease_begin(struct lease *l);
void lease_end(struct lease *l);
/* `ended` is called once, at once if the lease is over already. */
int lease_wait(struct lease *l, lease_ended ended, void *userdata);

/* So many descriptors more can be stored for the next daemon; QUOTA_EXCEEDED. Those of users who hold
 * little have room left. */
int lease_check_store(const struct lease *l, unsigned n, struct fault *reterr);

/* ---- handles (leases/handle.c) */
/* A new handle; the client's end is returned. QUOTA_EXCEEDED past LEASE_HANDLES_MAX. */
int lease_handle_new(struct lease *l, int *ret_client_fd, struct fault *reterr);
/* Our end of one that an earlier daemon gave out; taken over on success. */
int lease_handle_adopt(struct lease *l, int fd, uint64_t cookie);
/* `fd` is a copy of the client's end of one of the lease's handles. */
bool lease_handle_matches(struct lease *l, int fd);
/* Says why, and hangs up. */
void lease_handles_shut(struct lease *l);
/* What is said on a handle before it hangs up: the event and the sentence. */
void lease_handle_farewell(int fd, enum lease_event end, const char *reason);
/* The daemon ends, the lease does not: copies stay in the service manager's store. */
void lease_handles_leave(struct lease *l);

/* ---- acquire (leases/acquire.c) */
struct acquire_request {
	struct device *device;
	const struct peer *peer;
	unsigned n_queues;
	const char *name;
	bool persistent;
	uint64_t time_to_live; /* us; UINT64_MAX for ever */
	const struct flow *flows;
	size_t n_flows;
};
/* `done` with r 0 and a lease that is RESERVED, or the fault. Called once unless this fails. */
typedef void (*lease_done)(struct lease *lease, int r, struct fault *fault, void *userdata);
int lease_acquire(struct manager *m, const struct acquire_request *request, lease_done done,
		  void *userdata, struct fault *reterr);
/* A lease of an earlier daemon, in the state that was decided for it; without its handles, proofs,
 * flows and grant. */
int lease_adopt(struct manager *m, struct device *d, const struct record_lease *saved,
		enum lease_state state, const char *reason, struct lease **ret);
/* UINT64_MAX: for ever. */
int lease_set_time_to_live(struct lease *l, uint64_t usec);

/* ---- register (leases/register.c) */
struct register_reply {
	const struct ifq *ifq;
	uint32_t hardware_queue, napi_id;
};
typedef void (*register_done)(struct lease *lease, int r, struct fault *fault,
			      const struct register_reply *reply, void *userdata);
/* Everything in `request` but the grant's part is filled; its descriptors are borrowed. */
int lease_register(struct lease *l, unsigned queue, const struct ifq_request *request,
		   register_done done, void *userdata, struct fault *reterr);

/* ---- flows over all queues (leases/spread.c) */
bool lease_is_all_bound(const struct lease *l);
/* It has several queues, all of them are ready, and it is not decided yet. */
bool lease_wants_spread(const struct lease *l);
/* It is decided: flows over all queues can be installed. */
bool lease_is_spread(const struct lease *l);
/* Decides. `done` is called once, unless this fails. */
typedef void (*spread_done)(struct lease *lease, void *userdata);
int lease_spread(struct lease *l, spread_done done, void *userdata);
/* Where its rule is to lead. */
void lease_flow_set_target(const struct lease *l, struct lease_flow *f);

/* ---- tune (leases/tune.c) */
#define TUNE_EVERY_QUEUE UINT_MAX
typedef void (*tune_done)(struct lease *lease, int r, struct fault *fault, void *userdata);
/* One queue of the lease or every one; until the lease ends. */
int lease_tune(struct lease *l, unsigned queue, const struct tuning *tuning, tune_done done,
	       void *userdata, struct fault *reterr);
/* On the worker, when the queue is nobody's any more: as it was found. */
int tune_put_back(struct nic *nic, uint32_t queue, const struct tuning *found, struct fault *reterr);

/* ---- flows (leases/flows.c) */
/* Steered no more if no flow is left that could be. */
void lease_flows_review(struct lease *l);
struct flow_list {
	struct lease_flow **flows;
	size_t n;
};
typedef void (*flows_done)(struct lease *lease, int r, struct fault *fault,
			   const struct flow_list *added, void *userdata);
/* What the policy lets the peer have; QUOTA_EXCEEDED. Asked before they are noted. */
int lease_flows_check_quota(struct lease *l, const struct peer *peer, size_t n,
			    struct fault *reterr);
/* Notes the flows as FLOW_PENDING; FLOW_CONFLICT, QUOTA_EXCEEDED. `proof` may be NULL. */
int lease_flows_note(struct lease *l, unsigned queue, const struct flow *flows, size_t n,
		     struct proof *proof, struct flow_list *ret, struct fault *reterr);
/* Inserts the rules of these FLOW_PENDING flows: all of them or none; then none is noted. -EAGAIN:
 * how to reach all queues is not decided yet. */
int lease_flows_install(struct lease *l, const struct flow_list *list, flows_done done,
			void *userdata);
/* Those that wait for this queue, or for all. */
int lease_flows_install_pending(struct lease *l, unsigned queue);
/* Takes the rules away and forgets the flows. */
int lease_flows_remove(struct lease *l, const struct flow_list *list, flows_done done,
		       void *userdata);
/* One that an earlier daemon has noted. */
int lease_flow_adopt(struct lease *l, const struct record_flow *saved, enum flow_state state,
		     uint32_t location, struct proof *proof);
struct lease_flow *lease_find_flow(struct lease *l, uint64_t id);
void lease_flow_forget(struct lease *l, struct lease_flow *f);
/* All of them: they were noted, but are not on their way. */
void lease_flows_forget(struct lease *l, const struct flow_list *list);
void flow_list_done(struct flow_list *list);

/* ---- proofs (proof.c) */
/* Watches the socket without keeping it open; the proof belongs to the lease. QUOTA_EXCEEDED past
 * LEASE_PROOFS_MAX. Until one of its flows is installed it is only `asked`. */
int proof_new(struct lease *l, int socket_fd, const struct socket_facts *facts, unsigned queue,
	      uid_t uid, struct proof **ret, struct fault *reterr);
/* Its end is an event from now on. */
int proof_await(struct proof *p);
/* Stores it for the next daemon. A lease has one proof for a socket and a queue: if there is one with
 * the same facts, that one is *ret and `p` is freed. WRONG_STATE while rules for other facts of this
 * socket are being removed. `p` is freed on failure, too. */
int proof_settle(struct proof *p, const struct socket_facts *facts, bool wildcard,
		 struct proof **ret, struct fault *reterr);
/* An AddFlow succeeded: the proof stays for as long as its socket proves something. */
void proof_answered(struct proof *p);
/* It is more than the question of an AddFlow: the next daemon has to know it. */
bool proof_counts(const struct proof *p);
/* One that an earlier daemon had; epoll_fd (-EBADF if it was not stored) is taken over on success. */
int proof_adopt(struct lease *l, int epoll_fd, const struct record_proof *record,
		struct proof **ret);
/* The daemon ends, the proof does not. */
void proofs_leave(struct lease *l);
void proof_review(struct proof *p); /* frees it if it proves nothing, and never will again */
void proof_unref_flow(struct proof *p); /* a flow of it is gone; frees it with the last */
void proof_ref_flow(struct proof *p);
/* One of its flows was taken away on request: the rest stays as it is. */
void proof_stop_following(struct proof *p);
struct proof *proof_free(struct proof *p);
DEFINE_CLEANUP(struct proof *, proof_free)
/* ---- a socket is shown (leases/proof-show.c) */
/* If r is 0 `flows` are proved, and `proof` lives as long as this runs, then by its flows. */
typedef void (*proof_shown)(struct lease *lease, int r, struct fault *fault, struct proof *proof,
			    const struct flow *flows, size_t n, void *userdata);
/* Does not keep the descriptor. `shown` is called once, unless this fails. */
int proof_show(struct lease *l, int fd, unsigned queue, uid_t uid, proof_shown shown, void *userdata,
	       struct fault *reterr);

/* ---- whether they still prove (leases/proof-check.c) */
void proof_set_gone(struct proof *p, const char *why);
/* Now, and from now on as long as there are any: the whole of what was asked when they were shown. */
void proofs_check(struct manager *m);
int proofs_watch(struct manager *m);
void proofs_socket_gone(struct manager *m, uint64_t cookie);
void proofs_addresses_changed(struct device *d);
/* Now, and the end of none was told. */
void proofs_verify_all(struct manager *m);

/* ---- after a start (leases/resume.c) */
/* The device is attached: rules that were lost are inserted, those that nobody was told of go, and
 * what is over is drained. */
void leases_resume(struct device *d);

/* ---- draining (leases/drain.c) */
void lease_drain(struct lease *l);
/* Somebody deleted its netkit device: it is revoked, unless it turns out that the NIC is gone. */
void lease_grant_lost(struct lease *l, bool moved);
/* An administrator takes it back: rules now, the rest after the grace. Again: with less grace, or with
 * force. */
void lease_revoke(struct lease *l, uint64_t grace_usec, bool force, const char *reason);
/* The client is done with it: what is left of the grace is not waited for. */
void lease_hurry(struct lease *l);
/* Keeps the process that registers a queue in mind, and as whom it did, also for the next daemon; takes
 * pidfd over, on failure too. */
int lease_set_client(struct lease *l, unsigned queue, int pidfd, uid_t uid, bool store);
void lease_forget_client(struct lease *l, unsigned queue);
void leases_recheck(struct device *d);
void leases_interface_gone(struct device *d);
/* Some link is gone: if it was a lease's netkit device, somebody took the queues from it. */
void leases_link_gone(struct manager *m, unsigned ifindex, bool moved);
/* The same for every link that is not there, should we not have been told. */
int leases_check_links(struct manager *m);
