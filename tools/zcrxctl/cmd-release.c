/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl release: ends leases.
 */
#include <stdint.h>

#include "acquire.h"
#include "call.h"
#include "commands.h"

enum exit_status ctl_release(sd_varlink *link, const char *id)
{
	_cleanup_json_ sd_json_variant *parameters = NULL;

	if (sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", id)) < 0)
		return ctl_oom();
	return ctl_call(link, "Release", parameters, NULL);
}

/* Leases with a handle end with the programs that hold it; only persistent ones need this. */
static enum exit_status release_mine(sd_varlink *link)
{
	_cleanup_json_ sd_json_variant *leases = NULL;
	sd_json_variant *lease;
	enum exit_status worst = ctl_list_leases(link, NULL, &leases);

	array_foreach(lease, leases) {
		const char *id = field_string(lease, "leaseId");
		enum exit_status status;

		if (!id || !field_boolean(lease, "persistent") ||
		    field_unsigned(lease, "ownerUid", UINT64_MAX) != getuid())
			continue;
		status = ctl_release(link, id);
		if (status > worst)
			worst = status;
	}
	return worst;
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	enum exit_status worst;

	if (ctl->all_mine == (arguments[0] != NULL))
		return ctl_fail(CTL_USAGE, "Name the leases to release, or give --all-mine.");
	worst = ctl_connect(ctl, &link);
	if (worst != CTL_DONE)
		return worst;
	if (ctl->all_mine)
		return release_mine(link);
	for (; *arguments; arguments++) {
		enum exit_status status = ctl_release(link, *arguments);

		if (status > worst)
			worst = status;
	}
	return worst;
}

const struct command command_release = {
	.name = "release",
	.arguments = "ID... | --all-mine",
	.help = "end leases",
	.options = TAKES(OPTION_ALL_MINE),
	.max_arguments = SIZE_MAX,
	.run = run,
};
