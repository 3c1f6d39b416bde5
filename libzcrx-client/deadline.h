/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Points in time of CLOCK_MONOTONIC, in microseconds; UINT64_MAX: never. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static inline uint64_t deadline_in(uint64_t usec)
{
	uint64_t now = now_usec();

	return usec > UINT64_MAX - now ? UINT64_MAX : now + usec;
}
