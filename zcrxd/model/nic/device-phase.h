/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of an interface of the configuration: one table, [phase][event] -> next phase, effects.
 * device-phase.c is the authority on what may follow what; reconcile/phase.c performs the effects.
 */
#pragma once

#include <stdbool.h>

enum device_phase {
	DEVICE_MISSING,	   /* there is no such interface */
	DEVICE_CLOSED,	   /* there is one that could not be opened yet; leases of an earlier daemon wait for it */
	DEVICE_STARTING,   /* it is open, and its first configuration has not ended */
	DEVICE_CONFIGURED,
	DEVICE_PENDING,	   /* leases have to end before the rest of its configuration can be applied */
	DEVICE_DRIFTED,	   /* it was configured, and somebody else has changed it */
	DEVICE_DEGRADED,   /* it could not be configured, or restored */
	DEVICE_RESTORING,
	DEVICE_UNMANAGED,  /* it was restored, and nobody has asked for its configuration since */
	DEVICE_ORPHANED,   /* no entry matches it; it is kept until its leases end */
	DEVICE_GONE,	   /* the interface is gone, its leases are being ended */
	_DEVICE_PHASE_MAX,
};

enum device_event {
	DEVICE_LINK_FOUND,    /* there is an interface for it */
	DEVICE_OPENED,
	DEVICE_LINK_GONE,
	DEVICE_UNUSED,	      /* no lease is left, nor a change that may be rolled back */
	DEVICE_ENTRY_LOST,    /* no entry of the configuration matches it */
	DEVICE_ENTRY_GAINED,  /* another entry does, or one again */
	DEVICE_APPLIED,	      /* its configuration, to something that was not so before */
	DEVICE_VERIFIED,      /* it is as configured, and nothing had to be done */
	DEVICE_WAITS,	      /* what could be applied without ending leases was applied */
	DEVICE_FAILED,	      /* the configuration could not be applied */
	DEVICE_CHANGED,	      /* it was configured by an earlier daemon, and is not so now; it stays as it is */
	DEVICE_DRIFT_FOUND,
	DEVICE_DRIFT_OVER,
	DEVICE_RESTORE,	      /* somebody asks for that, or did not confirm */
	DEVICE_RESTORED,      /* also what an earlier daemon has restored */
	DEVICE_RESTORE_FAILED,
	_DEVICE_EVENT_MAX,
};

/* Performed in this order. */
enum device_effect {
	DEVICE_STOP_RETRY = 1 << 0,	 /* nothing that failed is tried again */
	DEVICE_RESET_DRIFT = 1 << 1,	 /* what the NIC was compared with is not valid any more */
	DEVICE_RESET_INVENTORY = 1 << 2, /* all its queues are ordinary ones */
	DEVICE_END_TRIAL = 1 << 3,	 /* there is nothing left to be rolled back */
	DEVICE_ANNOUNCE = 1 << 4,	 /* to the journal and to watchers */
	DEVICE_RETRY = 1 << 5,		 /* again after a while */
	DEVICE_CLOSE = 1 << 6,		 /* forget the interface; the entry stays */
	DEVICE_END_LEASES = 1 << 7,
	DEVICE_FREE = 1 << 8,		 /* the object goes once no job reports to it */
};

enum device_verdict {
	DEVICE_ILLEGAL, /* cannot happen: a bug here */
	DEVICE_IGNORE,	/* right, but nothing follows */
	DEVICE_GO,
};

struct device_transition {
	enum device_verdict verdict;
	enum device_phase next; /* DEVICE_GO only */
	unsigned effects;	/* DEVICE_GO only */
};

struct device_transition device_step(enum device_phase phase, enum device_event event);

/* The InterfaceState of the IDL. */
const char *device_phase_state(enum device_phase p);
const char *device_phase_to_string(enum device_phase p);

/* The interface is there, and open. */
static inline bool device_phase_is_open(enum device_phase p)
{
	return p >= DEVICE_STARTING && p <= DEVICE_ORPHANED;
}

/* It is open, and not as its entry says: "degraded". */
static inline bool device_phase_is_degraded(enum device_phase p)
{
	return p >= DEVICE_PENDING && p <= DEVICE_ORPHANED;
}

/* Its settings were as configured, so that every difference is drift. */
static inline bool device_phase_is_settled(enum device_phase p)
{
	return p == DEVICE_CONFIGURED || p == DEVICE_DRIFTED;
}

/* Its queues are carved out: what waits for leases, and what has drifted, keeps nobody from the others. */
static inline bool device_phase_is_leasable(enum device_phase p)
{
	return device_phase_is_settled(p) || p == DEVICE_PENDING;
}

/* An entry of the configuration has to match it. CLOSED, RESTORING and GONE are for both kinds. */
static inline bool device_phase_needs_entry(enum device_phase p)
{
	return p == DEVICE_MISSING || (p >= DEVICE_STARTING && p <= DEVICE_DEGRADED) ||
	       p == DEVICE_UNMANAGED;
}
