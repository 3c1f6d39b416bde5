/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of a lease: one table, [state][event] -> verdict, next state, effects. lease.c is the
 * authority on what may follow what; lease/ performs the effects and decides nothing.
 */
#pragma once

#include "fault.h"
#include "types.h"

enum lease_state {
	LEASE_FREE,
	LEASE_RESERVED,
	LEASE_BOUND,
	LEASE_STEERED,
	LEASE_DRAINING,
	LEASE_QUARANTINED,
	_LEASE_STATE_MAX,
};

enum lease_event {
	LEASE_ACQUIRE,	       /* the grant is about to be made */
	LEASE_REGISTER,	       /* may an ifq be registered now? */
	LEASE_REGISTERED,      /* it is */
	LEASE_ADD_FLOW,	       /* may rules be inserted now? */
	LEASE_ADD_FLOW_EARLY,  /* the same for a lease that registers by itself */
	LEASE_FLOW_ADDED,      /* the first or a further rule is in place */
	LEASE_LAST_FLOW_GONE,  /* no rule is left, an ifq is registered */
	LEASE_LAST_FLOW_GONE_UNBOUND, /* no rule is left, none ever was */
	LEASE_UNBOUND,	       /* its rings were closed, and its queues taken back and granted again */
	LEASE_RELEASE,	       /* the owner asks */
	LEASE_HANDLE_GONE,     /* the last copy was closed */
	LEASE_EXPIRED,
	LEASE_REVOKE,
	LEASE_INTERFACE_GONE,
	LEASE_ACQUIRE_FAILED,  /* the grant could not be made */
	LEASE_CLEAN,	       /* the kernel shows every queue as nobody's */
	LEASE_STUCK,	       /* it does not, and the time for it is over */
	_LEASE_EVENT_MAX,
};

/* Performed in this order. */
enum lease_effect {
	LEASE_EFFECT_STORE = 1 << 0,  /* write the record */
	LEASE_EFFECT_NOTIFY = 1 << 1, /* tell the watchers */
	LEASE_EFFECT_DRAIN = 1 << 2,  /* rules away, handle shut, grant taken back: in this order */
	LEASE_EFFECT_FORGET = 1 << 3, /* the queues are free; the record goes */
};

enum lease_verdict {
	LEASE_ILLEGAL, /* cannot happen: a bug here */
	LEASE_REFUSE,  /* the client asked at the wrong time: WRONG_STATE */
	LEASE_IGNORE,  /* right, but nothing follows */
	LEASE_GO,
};

struct lease_transition {
	enum lease_verdict verdict;
	enum lease_state next; /* LEASE_GO only */
	unsigned effects;      /* LEASE_GO only */
};

struct lease_transition lease_step(enum lease_state state, enum lease_event event);

/* WRONG_STATE (subject: the state; operation: what was asked) for a refused event, 0 for others. */
int lease_refusal(enum lease_state state, enum lease_event event, const char *lease_id,
		  struct fault *reterr);

const char *lease_state_to_string(enum lease_state s); /* as the IDL's LeaseState */
const char *lease_event_to_string(enum lease_event e);
const char *grant_kind_to_string(enum grant_kind k); /* netkit, direct, software */

/* Lease ids are 32 random bits, never 0, written as eight hexadecimal digits. */
#define LEASE_ID_DIGITS 8
#define LEASE_DEVICE_PREFIX "zcrx-"
void lease_id_format(uint32_t id, char ret[LEASE_ID_DIGITS + 1]);
int lease_id_parse(const char *s, uint32_t *ret); /* -EINVAL */
/* "zcrx-%08x"; the inverse is -EINVAL for devices that are not ours. */
void lease_device_name(uint32_t id, char ret[IFNAMSIZ]);
int lease_id_from_device(const char *device, uint32_t *ret);
