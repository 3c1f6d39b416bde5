/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way back: a NIC to how it was found, or to what was there before a change that nobody
 * confirmed. Its leases end first, rules before everything else. Afterwards nobody configures it by
 * itself (it is unmanaged) until Apply, Reload or a restart.
 *
 * What there is to go back to is in the file of store/baseline.h, which the worker reads and
 * writes; so it works for a later daemon, and after a crash at any point.
 */
#pragma once

#include "device.h"

struct baseline;

enum restore_goal {
	RESTORE_BASELINE,     /* before the first change */
	ROLLBACK_UNCONFIRMED, /* before the change that waits for its confirmation */
};

struct restore_request {
	enum restore_goal to;
	bool force; /* end leases, interrupt the default route */
	bool stop;  /* the daemon ends: the next one may configure what was restored */
};

/* WRONG_STATE: leases are held and it is not forced, or it is on its way back already. `done` is
 * called once unless this fails. */
int device_restore(struct device *d, const struct restore_request *request, device_done done,
		   void *userdata, struct fault *reterr);

/* WRONG_STATE unless it may be configured on request: nothing waits for a confirmation, and it is
 * not on its way back. */
int device_check_idle(const struct device *d, struct fault *reterr);

/* A configuration is being applied that has to be confirmed. */
void device_begin_trial(struct device *d, uint64_t confirm_within);
/* What was applied is rolled back at this time (CLOCK_BOOTTIME) unless it is confirmed. */
void device_await_confirmation(struct device *d, uint64_t until_usec);
/* It stays. WRONG_STATE if there is nothing to confirm (any more). */
int device_confirm(struct device *d, device_done done, void *userdata, struct fault *reterr);
/* Putting it back failed: again in a while. */
void device_retry_rollback(struct device *d);
/* There is nothing to confirm, or to roll back, any more. */
void device_end_trial(struct device *d);

/* What nobody has confirmed goes back now; again in a while if that fails. */
void device_roll_back(struct device *d);

/* It was left alone, for what an earlier act on it has noted. */
void device_set_unmanaged(struct device *d, const struct baseline *o);

/* At start: interfaces that an earlier daemon has left to be put back, and that no entry matches. */
int devices_resume_rollbacks(struct devices *devices);

/* It is not held any more, for the next daemon. */
int device_clear_unmanaged(struct device *d, device_done done, void *userdata);

/* SIGTERM: what has to go back does, now. `restart`: another zcrxd follows at once. */
void devices_stop(struct devices *devices, bool restart);
