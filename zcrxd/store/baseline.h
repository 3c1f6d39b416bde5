/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a NIC came from, in a file of its own in the state directory: how it was found before the
 * first change, where it has to go back to unless somebody confirms, whether it is to be left alone, and
 * to which configuration it was brought. Written before the act. A reboot resets a NIC, so the file is
 * bound to the boot, and to the interface by its index (which the kernel gives to one device a boot)
 * and driver.
 *
 * Read and written on the interface's worker only; before there is one, at start, also on the loop.
 */
#pragma once

#include <stdint.h>

#include "fault.h"
#include "nic-state.h"

/* Why no daemon configures it by itself. */
enum unmanaged_reason {
	UNMANAGED_NOT, /* one may */
	UNMANAGED_RESTORED,
	UNMANAGED_UNCONFIRMED, /* what was applied was not confirmed in time */
	_UNMANAGED_MAX,
};

struct baseline {
	/* Of both only what nic_state_same_settings() compares counts, and nothing else is in the file. NULL:
	 * none. */
	struct nic_state *found;    /* before the first change; gone once it is so again */
	struct nic_state *rollback; /* whoever starts with this goes back to it */
	uint64_t rollback_usec;	    /* unless it is confirmed by then (CLOCK_BOOTTIME); 0: it was decided */
	enum unmanaged_reason unmanaged;
	char *configured;	  /* by config_interface_describe(): it was brought to that, and nothing
				   * was changed since by zcrxd; NULL if it is on its way */
};

void baseline_done(struct baseline *o);
void baseline_drop_rollback(struct baseline *o);
#define _cleanup_origin_ _cleanup_(baseline_done)

/* The file for an interface in this directory; -ENOMEM only. */
int baseline_path(const char *directory, unsigned ifindex, char **ret);
/*
 * Of this interface; an empty one if there is no such file, or it is another boot's or another
 * device's, which is as good as none. What cannot be understood is set aside, *ret_set_aside says
 * so, and nothing is known. What cannot be read is refused: it is not known whether anything is.
 */
int baseline_read(const char *path, unsigned ifindex, const char *driver, struct baseline *ret,
		  char **ret_set_aside, struct fault *reterr);
/* On disk before it returns. One that says nothing is no file. */
int baseline_write(const char *path, unsigned ifindex, const char *driver,
		   const struct baseline *o);
/* Files of other boots. Refused if the directory cannot be read. */
int baseline_remove_stale(const char *directory, struct fault *reterr);

/* The text of it, and back: -EBADMSG if it is not whole or makes no sense. */
int baseline_format(unsigned ifindex, const char *driver, const struct baseline *o, char **ret);
/* *ret_same: it is this device's. */
int baseline_parse(const char *text, unsigned ifindex, const char *driver, struct baseline *ret,
		   bool *ret_same);
