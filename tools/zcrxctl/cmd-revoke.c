/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl revoke: takes a lease back from its owner.
 */
#include "call.h"
#include "commands.h"

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *parameters = NULL;
	enum exit_status status = ctl_connect(ctl, &link);

	if (status != CTL_DONE)
		return status;
	if (sd_json_buildo(
		    &parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", arguments[0]),
		    SD_JSON_BUILD_PAIR_CONDITION(ctl->force, "force", SD_JSON_BUILD_BOOLEAN(true)),
		    SD_JSON_BUILD_PAIR_CONDITION(ctl->grace_given, "graceUSec",
						 SD_JSON_BUILD_UNSIGNED(ctl->grace_usec)),
		    SD_JSON_BUILD_PAIR_CONDITION(ctl->reason != NULL, "reason",
						 SD_JSON_BUILD_STRING(ctl->reason))) < 0)
		return ctl_oom();
	return ctl_call(link, "Revoke", parameters, NULL);
}

const struct command command_revoke = {
	.name = "revoke",
	.arguments = "ID",
	.help = "take a lease back from its owner",
	.options = TAKES(OPTION_FORCE) | TAKES(OPTION_GRACE) | TAKES(OPTION_REASON),
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
