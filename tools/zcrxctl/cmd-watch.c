/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl watch: events as they happen, one a line, until interrupted or zcrxd goes away.
 */
#include <errno.h>

#include "call.h"
#include "commands.h"
#include "event-line.h"

struct watch {
	const struct ctl *ctl;
	bool end;
	enum exit_status status;
	char *error_id; /* the error that ended it */
	sd_json_variant *error;
};

static void watch_done(struct watch *watch)
{
	free(watch->error_id);
	sd_json_variant_unref(watch->error);
}

static int on_reply(sd_varlink *link, sd_json_variant *parameters, const char *error_id,
		    sd_varlink_reply_flags_t flags, void *userdata)
{
	struct watch *watch = userdata;
	sd_json_variant *event = field_object(parameters, "event");

	if (error_id) {
		/* Reported when the link is free again: that may take a call. */
		watch->error_id = strdup(error_id);
		watch->error = sd_json_variant_ref(parameters);
		watch->end = true;
		return 0;
	}
	/* The first reply has none: the watch is in place. */
	if (event && watch->ctl->json != JSON_OFF)
		watch->status = ctl_print_json(watch->ctl, event);
	else if (event)
		event_write(stdout, event, watch->ctl->style.colour);
	/* Nobody reads any more, or that was all. */
	if (fflush(stdout) == EOF || watch->status != CTL_DONE ||
	    !(flags & SD_VARLINK_REPLY_CONTINUES))
		watch->end = true;
	return 0;
}

static enum exit_status follow(sd_varlink *link, struct watch *watch)
{
	int r = 0;

	while (r >= 0 && !watch->end) {
		r = sd_varlink_process(link);
		if (r == 0)
			r = sd_varlink_wait(link, UINT64_MAX);
	}
	if (watch->error_id && !streq(watch->error_id, SD_VARLINK_ERROR_DISCONNECTED))
		return ctl_call_failed(link, "Watch", 0, watch->error_id, watch->error);
	if (watch->error_id || (r < 0 && !watch->end))
		return ctl_call_failed(link, "Watch", r < 0 ? r : -ECONNRESET, NULL, NULL);
	return watch->status;
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *parameters = NULL;
	_cleanup_(watch_done) struct watch watch = { .ctl = ctl };
	enum exit_status status = ctl_connect(ctl, &link);
	int r;

	if (status != CTL_DONE)
		return status;
	if (sd_json_buildo(&parameters,
			   SD_JSON_BUILD_PAIR_CONDITION(arguments[0] != NULL, "leaseId",
							SD_JSON_BUILD_STRING(arguments[0]))) < 0)
		return ctl_oom();
	sd_varlink_set_userdata(link, &watch);
	r = sd_varlink_bind_reply(link, on_reply);
	if (r >= 0)
		r = sd_varlink_observe(link, ZCRX_METHOD("Watch"), parameters);
	if (r < 0)
		return ctl_call_failed(link, "Watch", r, NULL, NULL);
	return follow(link, &watch);
}

const struct command command_watch = {
	.name = "watch",
	.arguments = "[ID]",
	.help = "print events as they happen",
	.max_arguments = 1,
	.run = run,
};
