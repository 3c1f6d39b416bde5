/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A job on an interface that goes by its baseline, and notes in it what it is about to do and what came of
 * that: to configure it, to restore it, to confirm. It is the first member of each of these.
 */
#pragma once

#include "baseline.h"
#include "device.h"

struct change {
	struct device *device;
	unsigned generation; /* the device may have come back as another interface meanwhile */
	device_done done;
	void *userdata;
	char *path; /* of the baseline */

	struct reconcile reconcile;
	struct baseline baseline;
	char *set_aside; /* the file could not be read */
	int r;
	struct fault fault;
};

/* Zeroed before. -ENOMEM. */
int change_init(struct change *c, struct device *d, device_done done, void *userdata);
void change_done(struct change *c);

/* On the worker. Looks, and reads the baseline. */
int change_look(struct nic *nic, struct change *c);
/* The baseline alone, of what is in reconcile.state. */
int change_read(struct nic *nic, struct change *c);
/* Writes it. Refused with what could not be saved, and what follows from that. */
int change_note(struct nic *nic, struct change *c, const char *operation, const char *consequence);

/* On the loop, afterwards. The device is still open, as the same interface. */
bool change_is_current(const struct change *c);
/* What was seen last is what is known of the device; reports a baseline that is lost. */
void change_adopt(struct change *c);
/* To who asked for it. */
void change_report(struct change *c, uint64_t confirm_until);
