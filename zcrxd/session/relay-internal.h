/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a relay is, for relay.c and relay-bounds.c.
 */
#pragma once

#include "inbox.h"
#include "outbox.h"
#include "relay.h"

struct relay {
	LIST_ENTRY(relay) entry;
	struct session *session;
	uid_t uid;
	int client, link;
	sd_event_source *client_source, *link_source, *stalled;
	struct inbox from_client, from_link;
	struct outbox to_client, to_link;
	/* Our copies of what came with the call that is under way. zcrxd closes its own before it writes
	 * the reply, so that these are the last ones. */
	int kept[MESSAGE_FDS_MAX];
	size_t n_kept;
	size_t largest; /* call: zcrxd's buffer for the connection has grown to it */
	size_t held;
	bool calling;	/* a call is under way */
	bool oneway;	/* ... whose client wants no reply */
	bool continues; /* ... and has had a reply that is not the last */
	bool finished;	/* the client sends nothing more */
	bool gone;	/* ... and takes nothing more */
	bool hung_up;	/* zcrxd has closed the link */
	bool progress;	/* since the timer for stalls was set */
};

/* A client is read from while nothing that it has sent before is to be done. */
bool relay_reads(const struct relay *y);

/* ---- relay-bounds.c */
/* Says why its connection is closed; returns the error that closes it. */
int relay_complain(struct relay *y, enum session_report_kind kind);
/* Whether all of the session is within HELD_MAX, or at least not by this one. */
bool relay_account(struct relay *y);
/* A timer runs while the next move is the client's: to finish a message, or to take a reply. */
int relay_watch_stall(struct relay *y);
