/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of an interface of the configuration: one table, [phase][event] -> next phase, effects.
 * device-phase.c is the authority on what may follow what; reconcile/phase.c performs the effects.
 */
#pragma once

#include <stdbool.h>

enum device_phase {
	DEVICE_MISSING,	   /* the entry has no interface */
	DEVICE_CLOSED,	   /* the interface is not open yet; leases of an earlier daemon may wait for it */
	DEVICE_STARTING,   /* the interface is open, and its first configuration has not ended */
	DEVICE_CONFIGURED,
	DEVICE_PENDING,	   /* leases have to end before the rest of the configuration can be applied */
	DEVICE_DRIFTED,	   /* the interface was configured, and was changed externally */
	DEVICE_DEGRADED,   /* the interface could not be configured, or restored */
	DEVICE_RESTORING,
	DEVICE_UNMANAGED,  /* the interface was restored, and its configuration was not asked for since */
	DEVICE_ORPHANED,   /* no entry matches the interface; it is kept until its leases end */
	DEVICE_GONE,	   /* the interface is gone, its leases are being ended */
	_DEVICE_PHASE_MAX,
};

enum device_event {
	DEVICE_LINK_FOUND,    /* the entry has an interface */
	DEVICE_OPENED,
	DEVICE_LINK_GONE,
	DEVICE_UNUSED,	      /* no lease is left, nor a change that may be rolled back */
	DEVICE_ENTRY_LOST,    /* no entry of the configuration matches the interface */
	DEVICE_ENTRY_GAINED,  /* another entry does, or one again */
	DEVICE_APPLIED,	      /* the plan changed something, and all of it was applied */
	DEVICE_VERIFIED,      /* the plan was empty */
	DEVICE_WAITS,	      /* part of the plan waits for leases to end */
	DEVICE_FAILED,	      /* the plan could not be made, or applied */
	DEVICE_CHANGED,	      /* the plan would undo drift, and on-drift is report: it was not applied */
	DEVICE_DRIFT_FOUND,
	DEVICE_DRIFT_OVER,
	DEVICE_RESTORE,	      /* by request, or because a change was not confirmed */
	DEVICE_RESTORED,      /* now, or by an earlier daemon */
	DEVICE_RESTORE_FAILED,
	_DEVICE_EVENT_MAX,
};

/* Performed in this order. */
enum device_effect {
	DEVICE_STOP_RETRY = 1 << 0,	 /* no failed configuration is tried again */
	DEVICE_RESET_DRIFT = 1 << 1,	 /* the NIC is compared with something else from now on */
	DEVICE_RESET_INVENTORY = 1 << 2, /* all queues are ordinary ones */
	DEVICE_END_TRIAL = 1 << 3,	 /* there is nothing left to confirm, or to roll back */
	DEVICE_ANNOUNCE = 1 << 4,	 /* to the journal and to watchers */
	DEVICE_RETRY = 1 << 5,		 /* configure again after a while */
	DEVICE_CLOSE = 1 << 6,		 /* forget the interface; the entry stays */
	DEVICE_END_LEASES = 1 << 7,
	DEVICE_FREE = 1 << 8,		 /* the object, once no job reports to it */
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

/* The interface has a worker. */
static inline bool device_phase_is_open(enum device_phase p)
{
	return p >= DEVICE_STARTING && p <= DEVICE_ORPHANED;
}

/* The state "degraded". */
static inline bool device_phase_is_degraded(enum device_phase p)
{
	return p >= DEVICE_PENDING && p <= DEVICE_ORPHANED;
}

/* The settings were as configured, so that every difference is drift. */
static inline bool device_phase_is_settled(enum device_phase p)
{
	return p == DEVICE_CONFIGURED || p == DEVICE_DRIFTED;
}

/* The queues are carved out. Pending changes and drift keep no client from those that are free. */
static inline bool device_phase_is_leasable(enum device_phase p)
{
	return device_phase_is_settled(p) || p == DEVICE_PENDING;
}

/* An entry of the configuration matches the interface. CLOSED, RESTORING and GONE are with and without one. */
static inline bool device_phase_needs_entry(enum device_phase p)
{
	return p == DEVICE_MISSING || (p >= DEVICE_STARTING && p <= DEVICE_DEGRADED) ||
	       p == DEVICE_UNMANAGED;
}
