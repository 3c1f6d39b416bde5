/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sockets that prove flows: watched without keeping them open, for as long as they prove something.
 */
#pragma once

#include "leases.h"
#include "urgent.h"

struct socket_check;

enum proof_question {
	PROOF_STILL,
	PROOF_MORE,
	_PROOF_QUESTION_MAX,
};

/* Flows that a socket proves and that are not steered: lease/left-out.h. */
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
void proofs_detach(struct lease *l);
void proof_maybe_free(struct proof *p); /* frees it if it proves nothing, and never will again */
void proof_unref_flow(struct proof *p); /* a flow of it is gone; frees it with the last */
void proof_ref_flow(struct proof *p);
/* One of its flows was taken away on request: the rest stays as it is. */
void proof_unfollow_addresses(struct proof *p);
struct proof *proof_free(struct proof *p);
DEFINE_CLEANUP(struct proof *, proof_free)
