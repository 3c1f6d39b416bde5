/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Subscribers of Watch, and what they are told. Who does not read is dropped, never waited for.
 */
#pragma once

#include "manager.h"

/* Keeps a reference to the link until it disconnects. lease 0: events of everything. -EBUSY: the user
 * has enough of them. */
int watch_add(struct manager *m, sd_varlink *link, uint32_t lease);
/* The connection is gone. */
void watch_remove(struct manager *m, sd_varlink *link);

/* `event` is an EventKind of the IDL; `reason` may be NULL. */
void watch_announce_lease(const struct lease *lease, const char *event, const char *reason,
			  uint64_t deadline_usec);
void watch_announce_interface(const struct device *d, const char *event, const char *reason);
void watch_announce_confirmation(const struct device *d, uint64_t deadline_usec);
void watch_announce_queue(const struct device *d, const char *event, uint32_t queue,
			  const char *reason);
