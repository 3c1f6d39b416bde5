/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl watch: events as they happen, one a line, until interrupted.
 */
#include "commands.h"
#include "event-line.h"
#include "follow.h"
#include "view.h"

#define PATIENCE_USEC (1000 * 1000)

struct watch {
	const struct ctl *ctl;
	sd_json_variant *names; /* of leases that were seen, by id */
};

static int remember(struct watch *watch, sd_json_variant *lease)
{
	const char *id = field_string(lease, "leaseId");
	_cleanup_free_ char *names = lease_names(lease);

	return !id || !names ? 0 : sd_json_variant_set_field_string(&watch->names, id, names);
}

/* Of one lease, or of all. What cannot be told is left out: the event is what matters. */
static void look_up(struct watch *watch, const char *lease_id)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *parameters = NULL;
	sd_json_variant *replies = NULL, *reply;
	const char *error_id = NULL;

	if (sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_CONDITION(lease_id != NULL, "leaseId",
								     SD_JSON_BUILD_STRING(lease_id))) < 0 ||
	    sd_varlink_connect_address(&link, watch->ctl->socket) < 0 ||
	    sd_varlink_set_relative_timeout(link, PATIENCE_USEC) < 0 ||
	    sd_varlink_collect(link, ZCRX_METHOD("ListLeases"), parameters, &replies, &error_id) < 0 || error_id)
		return;
	array_foreach(reply, replies)
		(void)remember(watch, field_object(reply, "lease"));
}

static enum exit_status seen(sd_json_variant *event, void *userdata)
{
	struct watch *watch = userdata;
	const char *id = field_string(event, "leaseId");

	if (watch->ctl->json != JSON_OFF)
		return event ? ctl_print_json(watch->ctl, event) : CTL_DONE;
	/* At first those that there are, for their ends. */
	if (!event || (id && !field_has(watch->names, id)))
		look_up(watch, id);
	if (event)
		event_write(stdout, event, id ? field_string(watch->names, id) : NULL,
			    watch->ctl->style.colour);
	if (id && streq(field_string(event, "event") ?: "", "freed"))
		(void)sd_json_variant_filter(&watch->names, (char *[]) { (char *)id, NULL });
	return CTL_DONE;
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	struct watch watch = { .ctl = ctl };
	enum exit_status status = ctl_follow(ctl, &(const struct follower) {
		.lease_id = arguments[0],
		.period_usec = UINT64_MAX,
		.seen = seen,
		.userdata = &watch,
	});

	sd_json_variant_unref(watch.names);
	return status;
}

const struct command command_watch = {
	.name = "watch",
	.arguments = "[ID]",
	.help = "print events as they happen",
	.max_arguments = 1,
	.run = run,
};
