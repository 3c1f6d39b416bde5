/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The service manager reads files and wakes whom it tells for each message, at a price of a tenth of the lease's
 * end if that waits for it. So what the store has no use for any more goes in the next turn of the loop, before
 * anything that clients ask for, and while a worker has the job that takes the queue back.
 *
 * Until then the store has what nobody claims, as it has when zcrxd is killed before it says so: the next one
 * drops it (stored_fds_done()), also of a lease that goes on, as its record says what it has. Nothing is stored
 * meanwhile, so that a name is never removed after it was given again, and the store has room for what
 * lease_check_store() counts.
 */
#pragma once

#include <systemd/sd-event.h>

/* `fd`, if it is one, is closed when the manager has closed its own (close-late.h). */
void fdstore_remove_later(const char *name, int fd);
void fdstore_flush(void);

/* Without a loop everything goes at once. */
int fdstore_later_begin(sd_event *event);
void fdstore_later_end(void);
