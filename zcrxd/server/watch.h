/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Subscribers of Watch, and what they are told. Who does not read is dropped, never waited for.
 */
#pragma once

#include "server.h"

/* Keeps a reference to the link until it disconnects. lease 0: events of everything. -EBUSY: the user
 * has enough of them. */
int watch_add(struct server *server, sd_varlink *link, uint32_t lease);
/* The connection is gone. */
void watch_remove(struct server *server, sd_varlink *link);

/* What happened: an Event of the IDL. Zero and NULL: there is none. */
struct announcement {
	const char *event; /* an EventKind */
	const char *interface;
	uint32_t lease;
	const uint32_t *queue;
	const char *reason;
	uint64_t deadline_usec; /* realtime */
};

/* To all watchers, at once. */
void watch_announce(struct server *server, const struct announcement *a);
