/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl leases: one line a lease.
 */
#include "call.h"
#include "commands.h"
#include "screen.h"
#include "view.h"

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *leases = NULL;
	struct lease_view view = lease_view_now(ctl, false);
	enum exit_status status = ctl_connect(ctl, &link);

	if (status == CTL_DONE)
		status = ctl_list_leases(link, arguments[0], &leases);
	if (status != CTL_DONE)
		return status;
	if (ctl->json != JSON_OFF)
		return leases_name_owners(&leases) < 0 ? ctl_oom() : ctl_print_json(ctl, leases);
	screen_page(ctl);
	if (sd_json_variant_elements(leases) == 0 && ctl->style.legend)
		puts("No leases.");
	return lease_table_write(stdout, leases, &view) < 0 ? ctl_oom() : CTL_DONE;
}

const struct command command_leases = {
	.name = "leases",
	.arguments = "[ID]",
	.help = "list the leases",
	.max_arguments = 1,
	.run = run,
};
