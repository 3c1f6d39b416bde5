/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl lease: a persistent lease, for programs that know nothing of zcrxd.
 */
#include <errno.h>
#include <pwd.h>
#include <signal.h>

#include "acquire.h"
#include "commands.h"
#include "lease-table.h"
#include "table.h"
#include "text.h"
#include "view.h"

/* What the caller goes on with: the id, and the queues to give to a program. */
static int print_lease(const struct ctl *ctl, sd_json_variant *lease)
{
	_cleanup_(table_freep) struct table *t = table_new("LEASE", "INTERFACE", "QUEUES", NULL);

	if (!t)
		return -ENOMEM;
	table_add(t, INK_BOLD, "%s", field_string(lease, "leaseId") ?: "");
	table_add(t, INK_NONE, "%s", field_string(lease, "interface") ?: "");
	table_take(t, INK_NONE, queues_format(field_array(lease, "hardwareQueues")));
	return table_write(t, stdout, &ctl->style);
}

static enum exit_status print(const struct ctl *ctl, sd_json_variant *lease)
{
	_cleanup_json_ sd_json_variant *named = sd_json_variant_ref(lease);
	enum exit_status status = CTL_DONE;

	if (ctl->json != JSON_OFF)
		status = lease_name_owner(&named) < 0 ? ctl_oom() : ctl_print_json(ctl, named);
	else if (print_lease(ctl, lease) < 0)
		status = ctl_oom();
	return status == CTL_DONE ? ctl_flush() : status;
}

/* Nobody knows of it who could release it. */
static enum exit_status reclaim(sd_varlink *link, sd_json_variant *lease)
{
	const char *id = field_string(lease, "leaseId") ?: "?";

	if (ctl_release(link, id) == CTL_DONE)
		return ctl_fail(CTL_FAILED, "Lease %s was released again.", id);
	return ctl_fail(CTL_FAILED, "Lease %s is still there. To end it: zcrxctl release %s", id, id);
}

/* By name or by number; a number need not be in the user database, as those of containers are not. */
static enum exit_status find_user(const char *text, uid_t *ret)
{
	const struct passwd *user = getpwnam(text);
	uint64_t number;

	if (user)
		*ret = user->pw_uid;
	else if (parse_number(text, 0, UINT32_MAX - 1, &number) >= 0)
		*ret = (uid_t)number;
	else
		return ctl_fail(CTL_USAGE, "--owner %s: there is no such user.", text);
	return CTL_DONE;
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *reply = NULL;
	sd_json_variant *lease;
	enum exit_status status = CTL_DONE;
	uid_t owner;

	/* A reader that is gone is an error like any other: something is to be done about it. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (ctl->owner)
		status = find_user(ctl->owner, &owner);
	if (status == CTL_DONE)
		status = ctl_connect(ctl, &link);
	if (status == CTL_DONE)
		status = ctl_acquire(ctl, link, arguments[0], true, ctl->owner ? &owner : NULL, &reply);
	if (status != CTL_DONE)
		return status;
	lease = field_object(reply, "lease");
	if (!lease)
		return ctl_fail(CTL_FAILED, "zcrxd answered without a lease.");
	status = print(ctl, lease);
	return status == CTL_DONE ? CTL_DONE : reclaim(link, lease);
}

const struct command command_lease = {
	.name = "lease",
	.arguments = "[INTERFACE]",
	.help = "lease queues until they are released",
	.options =
		TAKES(OPTION_QUEUES) | TAKES(OPTION_FLOW) | TAKES(OPTION_NAME) | TAKES(OPTION_TTL) |
		TAKES(OPTION_OWNER),
	.max_arguments = 1,
	.run = run,
};
