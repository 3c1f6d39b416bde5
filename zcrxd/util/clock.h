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

/*
 * What is stored and ends by itself is on CLOCK_BOOTTIME, which nobody sets and which runs while the
 * machine sleeps; what is stored is bound to the boot. People are told the realtime clock.
 */
static inline uint64_t boottime_to_realtime(uint64_t usec)
{
	return now_usec(CLOCK_REALTIME) + usec - now_usec(CLOCK_BOOTTIME);
}

/* As an older zcrxd stored it. Never 0, which is no time; far away stays far away. */
static inline uint64_t boottime_from_realtime(uint64_t usec)
{
	uint64_t realtime = now_usec(CLOCK_REALTIME), boottime = now_usec(CLOCK_BOOTTIME);

	if (usec >= realtime)
		return usec - realtime > INT64_MAX - boottime ? INT64_MAX : boottime + (usec - realtime);
	return boottime > realtime - usec ? boottime - (realtime - usec) : 1;
}

/* For people again and again: what they were told changes with the clock, and not because it is read. */
static inline uint64_t tell_boottime(uint64_t usec, uint64_t *told)
{
	uint64_t now = boottime_to_realtime(usec);

	if (now > *told + 1000000 || now + 1000000 < *told)
		*told = now;
	return *told;
}
