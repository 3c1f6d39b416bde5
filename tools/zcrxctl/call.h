/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls to zcrxd, for the commands. Whatever goes wrong has been printed when these return anything
 * but CTL_DONE: the daemon's message where it gave one, which is a whole sentence with a remedy.
 */
#pragma once

#include <systemd/sd-varlink.h>

#include "field.h"
#include "zcrx-idl.h"
#include "zcrxctl.h"

#define _cleanup_link_ _cleanup_(sd_varlink_unrefp)

enum exit_status ctl_connect(const struct ctl *ctl, sd_varlink **ret);

/* `method` as in "Describe". `parameters` may be NULL. The caller unrefs *ret. */
enum exit_status ctl_call(sd_varlink *link, const char *method, sd_json_variant *parameters,
			  sd_json_variant **ret);

/* What zcrxd says of itself and of its interfaces, or of the one named; zcrxd knows by which names it is called. */
enum exit_status ctl_describe(sd_varlink *link, const char *interface, sd_json_variant **ret);

/* All leases, or the one named, as an array of Lease. */
enum exit_status ctl_list_leases(sd_varlink *link, const char *lease_id, sd_json_variant **ret);

/* The call failed: says why. `error_id` and `parameters` as they came, `r` if nothing did. */
enum exit_status ctl_call_failed(sd_varlink *link, const char *method, int r, const char *error_id,
				 sd_json_variant *parameters);

/* As the command line asks for it, with a newline. */
enum exit_status ctl_print_json(const struct ctl *ctl, sd_json_variant *v);
