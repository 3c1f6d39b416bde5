/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl status: the kernel, the interfaces with their queue maps, the leases, what is wrong.
 */
#include <errno.h>

#include "call.h"
#include "commands.h"
#include "queue-table.h"
#include "status-view.h"
#include "view.h"

/* Leaves only the interface with this name in the reply of Describe. */
static enum exit_status keep_interface(sd_json_variant **description, const char *name)
{
	_cleanup_json_ sd_json_variant *kept = NULL;
	sd_json_variant *interface;

	array_foreach(interface, field_array(*description, "interfaces"))
	{
		const char *other = field_string(interface, "name");

		if (other && streq(other, name) &&
		    sd_json_variant_append_array(&kept, interface) < 0)
			return ctl_oom();
	}
	if (!kept)
		return ctl_fail(
			CTL_FAILED,
			"zcrxd manages no interface %s; zcrxctl status lists those that it does.",
			name);
	if (sd_json_variant_set_field(description, "interfaces", kept) < 0)
		return ctl_oom();
	return CTL_DONE;
}

/* The leases on one interface. */
static enum exit_status keep_leases(sd_json_variant **leases, const char *interface)
{
	_cleanup_json_ sd_json_variant *kept = NULL;
	sd_json_variant *lease;

	array_foreach(lease, *leases)
	{
		const char *other = field_string(lease, "interface");

		if (other && streq(other, interface) &&
		    sd_json_variant_append_array(&kept, lease) < 0)
			return ctl_oom();
	}
	sd_json_variant_unref(*leases);
	*leases = TAKE_PTR(kept);
	return CTL_DONE;
}

/* The map says whose they are; there is room for all else of one interface. */
static enum exit_status write_queues(const struct ctl *ctl, sd_json_variant *description)
{
	sd_json_variant *interface;

	array_foreach(interface, field_array(description, "interfaces"))
	{
		putchar('\n');
		if (queue_table_write(stdout, interface, ctl->legend, ctl->colour) < 0)
			return ctl_oom();
	}
	return CTL_DONE;
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *description = NULL, *leases = NULL;
	struct lease_view view = lease_view_now(ctl, true);
	enum exit_status status = ctl_connect(ctl, &link);

	if (status == CTL_DONE)
		status = ctl_call(link, "Describe", NULL, &description);
	if (status == CTL_DONE && arguments[0])
		status = keep_interface(&description, arguments[0]);
	if (status != CTL_DONE)
		return status;
	if (ctl->json != JSON_OFF)
		return ctl_print_json(ctl, description);

	status = ctl_list_leases(link, NULL, &leases);
	if (status == CTL_DONE && arguments[0])
		status = keep_leases(&leases, arguments[0]);
	if (status != CTL_DONE)
		return status;
	if (status_write(stdout, description, leases, &view) < 0)
		return ctl_oom();
	return arguments[0] ? write_queues(ctl, description) : CTL_DONE;
}

const struct command command_status = {
	.name = "status",
	.arguments = "[INTERFACE]",
	.help = "show interfaces, queues, leases and what is wrong",
	.max_arguments = 1,
	.run = run,
};
