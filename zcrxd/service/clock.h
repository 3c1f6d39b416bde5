/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What time it is. sd_event_now() says when the turn of the loop began; these ask, and on any thread.
 */
#pragma once

#include <stdint.h>
#include <time.h>

/* In microseconds, as systemd's interfaces and ours have it. */
static inline uint64_t now_usec(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}
