/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl apply: brings the NICs to the configuration.
 */
#include "changes.h"
#include "commands.h"

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	return ctl_changes(ctl, "Apply", arguments[0]);
}

const struct command command_apply = {
	.name = "apply",
	.arguments = "[INTERFACE]",
	.help = "bring NICs to what the configuration says",
	.options = TAKES(OPTION_FORCE),
	.max_arguments = 1,
	.run = run,
};
