/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl plan: what would bring the NICs to the configuration.
 */
#include "changes.h"
#include "commands.h"

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	return ctl_changes(ctl, "Plan", arguments[0]);
}

const struct command command_plan = {
	.name = "plan",
	.arguments = "[INTERFACE]",
	.help = "show what apply would change",
	.max_arguments = 1,
	.run = run,
};
