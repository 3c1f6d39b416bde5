/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a connection may hold, and how long it may take. See relay.h.
 */
#include <errno.h>
#include <time.h>

#include "macro.h"
#include "relay-internal.h"

/* What a connection may hold without anybody asking. */
#define FREE_ALLOWANCE ((size_t)8 * 1024)
/* A descriptor that waits for its message to end, or for the answer, is worth this much. */
#define FD_COST ((size_t)16 * 1024)

int relay_complain(struct relay *y, enum session_report_kind kind)
{
	session_complain(y->session, kind, y->uid);
	return -ECONNABORTED;
}

bool relay_account(struct relay *y)
{
	struct session *s = y->session;
	size_t held = y->from_client.n + y->from_link.n + y->to_client.n + y->largest +
		      (y->from_client.n_fds + y->n_kept) * FD_COST;

	held = held > FREE_ALLOWANCE ? held - FREE_ALLOWANCE : 0;
	s->held += held - y->held;
	y->held = held;
	return held == 0 || s->held <= HELD_MAX;
}

static int on_stalled(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct relay *y = userdata;

	(void)relay_complain(y, outbox_is_empty(&y->to_client) ? SESSION_HALF_MESSAGE
							  : SESSION_UNREAD_REPLIES);
	relay_end(y);
	return 0;
}

int relay_watch_stall(struct relay *y)
{
	bool progress = y->progress;
	int r;

	y->progress = false;
	if (outbox_is_empty(&y->to_client) && !(relay_reads(y) && y->from_client.n > 0)) {
		y->stalled = sd_event_source_disable_unref(y->stalled);
		return 0;
	}
	if (!y->stalled)
		return sd_event_add_time_relative(y->session->event, &y->stalled, CLOCK_MONOTONIC,
						  STALL_USEC, 0, on_stalled, y);
	if (!progress)
		return 0;
	r = sd_event_source_set_time_relative(y->stalled, STALL_USEC);
	return r < 0 ? r : sd_event_source_set_enabled(y->stalled, SD_EVENT_ONESHOT);
}
