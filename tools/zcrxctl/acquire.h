/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The call of Acquire that `lease` and `run` share, and Flow objects.
 */
#pragma once

#include "call.h"

/* Acquires what the options ask for, for `owner` or, if that is NULL, for the caller. The caller unrefs *ret_reply; a handle, if any, is still
 * with the link. */
enum exit_status ctl_acquire(const struct ctl *ctl, sd_varlink *link, const char *interface,
			     bool persistent, const uid_t *owner, sd_json_variant **ret_reply);

/* A Flow. Negative errno. */
int flow_to_json(const struct flow *flow, sd_json_variant **ret);
/* Release; in cmd-release.c. */
enum exit_status ctl_release(sd_varlink *link, const char *id);
