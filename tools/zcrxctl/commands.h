/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands, one a file.
 */
#pragma once

#include "zcrxctl.h"

extern const struct command command_status, command_leases, command_lease, command_release,
	command_run, command_watch, command_explain, command_plan, command_apply, command_restore,
	command_revoke, command_reload, command_check, command_tune, command_metrics,
	command_gres;
