/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl restore: puts a NIC back as zcrxd found it.
 */
#include "changes.h"
#include "commands.h"

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	return ctl_changes(ctl, "Restore", arguments[0]);
}

const struct command command_restore = {
	.name = "restore",
	.arguments = "INTERFACE",
	.help = "restore the settings from before zcrxd",
	.options = TAKES(OPTION_FORCE),
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
