/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl reload: has zcrxd read its configuration again.
 */
#include "call.h"
#include "commands.h"

/* For systemctl reload, which sends a signal and gets no answer. */
static enum exit_status tell_result(sd_varlink *link)
{
	sd_json_variant *description = NULL;
	enum exit_status status = ctl_call(link, "Describe", NULL, &description);
	const char *refused = status == CTL_DONE ? field_string(description, "refusedConfig") : NULL;

	if (refused)
		status = ctl_fail(CTL_FAILED, "The configuration is unchanged: %s", refused);
	sd_json_variant_unref(description);
	return status;
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *reply = NULL;
	sd_json_variant *warning;
	enum exit_status status = ctl_connect(ctl, &link);

	if (status == CTL_DONE && ctl->result)
		return tell_result(link);
	if (status == CTL_DONE)
		status = ctl_call(link, "Reload", NULL, &reply);
	if (status == CTL_DONE && ctl->json != JSON_OFF)
		status = ctl_print_json(ctl, reply);
	if (status != CTL_DONE)
		return status;
	array_foreach(warning, field_array(reply, "waiting"))
		ctl_fail(CTL_DONE, "%s", sd_json_variant_string(warning) ?: "?");
	/* The new configuration holds, but not all of it came about. */
	array_foreach(warning, field_array(reply, "warnings"))
		status = ctl_fail(CTL_FAILED, "%s", sd_json_variant_string(warning) ?: "?");
	return status;
}

const struct command command_reload = {
	.name = "reload",
	.arguments = "",
	.help = "read the configuration again",
	.options = TAKES(OPTION_RESULT),
	.run = run,
};
