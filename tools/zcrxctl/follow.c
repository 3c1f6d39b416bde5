/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See follow.h.
 */
#include <errno.h>

#include "follow.h"

#define RETRY_USEC (500 * 1000)

struct following {
	const struct follower *follower;
	bool placed; /* nothing is missed from here on */
	bool lost;   /* zcrxd was there, and is not any more */
	bool end;
	enum exit_status status;
	char *error_id; /* the error that ended it */
	sd_json_variant *error;
};

static void following_done(struct following *f)
{
	free(f->error_id);
	sd_json_variant_unref(f->error);
}

static void see(struct following *f, sd_json_variant *event)
{
	f->status = f->follower->seen(event, f->follower->userdata);
	if (f->status != CTL_DONE || fflush(stdout) == EOF)
		f->end = true;
}

static int on_reply(sd_varlink *link, sd_json_variant *parameters, const char *error_id,
		    sd_varlink_reply_flags_t flags, void *userdata)
{
	struct following *f = userdata;

	if (error_id) {
		/* Reported when the link is free again: that may take a call. */
		f->error_id = strdup(error_id);
		f->error = sd_json_variant_ref(parameters);
		f->end = true;
		return 0;
	}
	if (!f->placed && f->lost)
		ctl_fail(CTL_DONE, "zcrxd is back. What happened meanwhile is not shown.");
	f->placed = true;
	/* The first reply has no event: the watch is in place. */
	see(f, field_object(parameters, "event"));
	if (!(flags & SD_VARLINK_REPLY_CONTINUES))
		f->end = true;
	return 0;
}

static enum exit_status follow_link(sd_varlink *link, struct following *f)
{
	int r = 0;

	f->placed = false;
	while (r >= 0 && !f->end) {
		r = sd_varlink_process(link);
		if (r != 0)
			continue;
		r = sd_varlink_wait(link, f->follower->period_usec);
		if (r == 0 && f->placed)
			see(f, NULL);
	}
	if (f->error_id && !streq(f->error_id, SD_VARLINK_ERROR_DISCONNECTED))
		return ctl_call_failed(link, "Watch", 0, f->error_id, f->error);
	if (!f->error_id && (r >= 0 || f->end))
		return f->status;
	f->lost |= f->placed;
	return f->placed ? CTL_DONE : ctl_call_failed(link, "Watch", r < 0 ? r : -ECONNRESET, NULL, NULL);
}

static enum exit_status follow_once(const struct ctl *ctl, struct following *f)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *parameters = NULL;
	const char *lease_id = f->follower->lease_id;
	enum exit_status status = ctl_connect(ctl, &link);
	int r;

	if (status != CTL_DONE)
		return status;
	if (sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_CONDITION(lease_id != NULL, "leaseId",
								     SD_JSON_BUILD_STRING(lease_id))) < 0)
		return ctl_oom();
	sd_varlink_set_userdata(link, f);
	r = sd_varlink_bind_reply(link, on_reply);
	if (r >= 0)
		r = sd_varlink_observe(link, ZCRX_METHOD("Watch"), parameters);
	return r < 0 ? ctl_call_failed(link, "Watch", r, NULL, NULL) : follow_link(link, f);
}

static void wait_for_daemon(const char *socket)
{
	int r;

	do {
		_cleanup_link_ sd_varlink *link = NULL;

		(void)usleep(RETRY_USEC);
		r = sd_varlink_connect_address(&link, socket);
	} while (r < 0);
}

enum exit_status ctl_follow(const struct ctl *ctl, const struct follower *follower)
{
	bool lost = false;

	for (;;) {
		_cleanup_(following_done) struct following f = { .follower = follower, .lost = lost };
		enum exit_status status = follow_once(ctl, &f);

		/* It came to its end, or it never began. */
		if (status != CTL_DONE || !f.placed || (f.end && !f.error_id))
			return status;
		ctl_fail(CTL_DONE, "zcrxd is gone; waiting until it is back.");
		lost = true;
		wait_for_daemon(ctl->socket);
	}
}
