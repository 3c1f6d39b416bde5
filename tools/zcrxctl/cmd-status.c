/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl status: the kernel, the interfaces with their queue maps, the leases, what is wrong.
 */
#include <errno.h>

#include "call.h"
#include "commands.h"
#include "follow.h"
#include "queue-table.h"
#include "screen.h"
#include "status-view.h"
#include "view.h"

#define PERIOD_USEC  (2 * USEC_PER_SEC)
#define SCREEN_CLEAR "\x1b[H\x1b[2J"

/* The one that was asked for, by the name under which leases have it. */
static const char *described_name(sd_json_variant *description)
{
	sd_json_variant *interface;

	array_foreach(interface, field_array(description, "interfaces"))
		return field_string(interface, "name");
	return NULL;
}

/* The leases on one interface. */
static enum exit_status keep_leases(sd_json_variant **leases, const char *interface)
{
	_cleanup_json_ sd_json_variant *kept = NULL;
	sd_json_variant *lease;

	array_foreach(lease, *leases) {
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

	array_foreach(interface, field_array(description, "interfaces")) {
		putchar('\n');
		if (queue_table_write(stdout, interface, &ctl->style) < 0)
			return ctl_oom();
	}
	return CTL_DONE;
}

/* What is shown, all of it. */
struct picture {
	const struct ctl *ctl;
	const char *interface; /* NULL: all */
};

static enum exit_status write_json(const struct ctl *ctl, sd_json_variant **description, sd_json_variant **leases)
{
	if (leases_name_owners(leases) < 0 || sd_json_variant_set_field(description, "leases", *leases) < 0)
		return ctl_oom();
	return ctl_print_json(ctl, *description);
}

static enum exit_status show(const struct picture *p)
{
	const struct ctl *ctl = p->ctl;
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *description = NULL, *leases = NULL;
	struct lease_view view = lease_view_now(ctl, true);
	enum exit_status status = ctl_connect(ctl, &link);

	if (status == CTL_DONE)
		status = ctl_describe(link, p->interface, &description);
	if (status == CTL_DONE)
		status = ctl_list_leases(link, NULL, &leases);
	if (status == CTL_DONE && p->interface)
		status = keep_leases(&leases, described_name(description) ?: "");
	if (status != CTL_DONE)
		return status;
	if (ctl->json != JSON_OFF)
		return write_json(ctl, &description, &leases);
	if (!ctl->watch)
		screen_page(ctl);
	else if (isatty(STDOUT_FILENO))
		fputs(SCREEN_CLEAR, stdout);
	if (status_write(stdout, description, leases, &view) < 0)
		return ctl_oom();
	return p->interface ? write_queues(ctl, description) : CTL_DONE;
}

/* At each event, and now and then: counters have no events. */
static enum exit_status show_again(sd_json_variant *event, void *userdata)
{
	const struct picture *p = userdata;
	enum exit_status status = show(p);

	if (p->ctl->json == JSON_OFF && !isatty(STDOUT_FILENO))
		putchar('\n');
	return status;
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	struct picture p = { .ctl = ctl, .interface = arguments[0] };

	if (!ctl->watch)
		return show(&p);
	return ctl_follow(ctl, &(const struct follower) {
		.period_usec = PERIOD_USEC,
		.seen = show_again,
		.userdata = &p,
	});
}

const struct command command_status = {
	.name = "status",
	.arguments = "[INTERFACE]",
	.help = "show interfaces, queues, leases and what is wrong",
	.options = TAKES(OPTION_WATCH),
	.max_arguments = 1,
	.run = run,
};
