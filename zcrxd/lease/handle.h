/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The descriptors that clients hold a lease by. The kernel tells when the last copy of one is closed.
 */
#pragma once

#include "leases.h"

/* A new handle; the client's end is returned. QUOTA_EXCEEDED past LEASE_HANDLES_MAX. */
int lease_handle_new(struct lease *l, int *ret_client_fd, struct fault *reterr);
/* Our end of one that an earlier daemon gave out; taken over on success. */
int lease_handle_adopt(struct lease *l, int fd, uint64_t cookie);
/* `fd` is a copy of the client's end of one of the lease's handles. */
bool lease_handle_matches(struct lease *l, int fd);
/* Says that the lease ends then, on the realtime clock, at the latest. */
void lease_handles_notice(struct lease *l, uint64_t deadline_usec);
/* Says why, and hangs up. */
void lease_handles_shut(struct lease *l);
/* What is said on a handle before it hangs up: the event and the sentence. */
void lease_handle_send_end(int fd, enum lease_event end, const char *reason);
/* The daemon ends, the lease does not: copies stay in the service manager's store. */
void lease_handles_detach(struct lease *l);
