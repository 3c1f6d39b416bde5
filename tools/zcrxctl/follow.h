/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watch, also beyond a restart of zcrxd, for the commands that go on until they are interrupted.
 */
#pragma once

#include "call.h"

struct follower {
	const char *lease_id; /* NULL: all */
	uint64_t period_usec; /* how often `seen` is called without an event at least; UINT64_MAX: never */
	/* Something happened; NULL: nothing is missed from here on, or the period is over. What it prints is
	 * flushed. Anything but CTL_DONE is the end. */
	enum exit_status (*seen)(sd_json_variant *event, void *userdata);
	void *userdata;
};

/* Until the output has no reader any more, or zcrxd ends it. */
enum exit_status ctl_follow(const struct ctl *ctl, const struct follower *follower);
