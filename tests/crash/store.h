/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What systemd is to the daemon: it hears READY=1, keeps descriptors, drops those that hang up, and
 * passes the others to the next process. In a thread of the test, which never allocates: the test
 * forks.
 */
#pragma once

#include <stdbool.h>

/* `path` is what the daemon gets as NOTIFY_SOCKET. */
void store_start(const char *path);
/* Everything that was sent is taken in, and what has hung up is dropped. */
void store_settle(void);
/* In the process that becomes the daemon: closes all descriptors from 3 on but `keep`, which is
 * higher than any other, and passes `socket_fd` and what is stored as a service manager does. */
void store_pass(int socket_fd, int keep);
/* Has READY=1 come, or does it within this time? */
bool store_wait_ready(unsigned milliseconds);
/* How many descriptors are stored whose names begin so. */
unsigned store_count(const char *prefix);
