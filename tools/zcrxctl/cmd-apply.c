/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl apply: brings the NICs to the configuration, for good or for a try.
 */
#include "changes.h"
#include "commands.h"
#include "confirm.h"

/* From here on somebody has to say that he is still there: on a terminal he is asked, elsewhere
 * `zcrxctl apply --confirm` does it. */
static enum exit_status try_it(const struct ctl *ctl, const char *interface)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *reply = NULL;
	enum exit_status status = ctl_connect(ctl, &link);

	if (status == CTL_DONE)
		status = ctl_changes_on(ctl, link, "Apply", interface, &reply);
	if (!reply || !field_has(reply, "confirmUntilUSec"))
		return status;
	return ctl_await_confirmation(ctl, interface, field_unsigned(reply, "confirmUntilUSec", 0),
				      status);
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	if (ctl->confirm && ctl->confirm_within_usec > 0)
		return ctl_fail(CTL_USAGE, "--confirm is for what was applied with --confirm-within "
					   "before; give one of them.");
	if (ctl->confirm)
		return ctl_confirm(ctl, arguments[0], true);
	return ctl->confirm_within_usec > 0 ? try_it(ctl, arguments[0])
					    : ctl_changes(ctl, "Apply", arguments[0]);
}

const struct command command_apply = {
	.name = "apply",
	.arguments = "[INTERFACE]",
	.help = "bring NICs to what the configuration says",
	.options = TAKES(OPTION_FORCE) | TAKES(OPTION_CONFIRM) | TAKES(OPTION_CONFIRM_WITHIN),
	.max_arguments = 1,
	.run = run,
};
