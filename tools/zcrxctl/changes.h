/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The three commands about the state of NICs share the shape of their call and its answer: an array
 * of Change, printed as a table.
 */
#pragma once

#include "call.h"

/* The same for a call of the caller's; *ret is its reply, to be unreffed, and printed already. */
enum exit_status ctl_changes_on(const struct ctl *ctl, sd_varlink *link, const char *method,
				const char *interface, sd_json_variant **ret);
enum exit_status ctl_changes(const struct ctl *ctl, const char *method, const char *interface);
