/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Prints how many thousand times a second this machine's time stamp counter counts. An emulated machine has the
 * same one, and measures it while it boots: beside others, it was wrong by a factor of eight, and so was its clock.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

/* Both at once, as far as nothing comes in between. */
static void sample(uint64_t *ticks, uint64_t *nsec)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		const uint64_t before = __rdtsc();
		struct timespec t;
		uint64_t after;

		clock_gettime(CLOCK_MONOTONIC_RAW, &t);
		after = __rdtsc();
		if (after - before >= best)
			continue;
		best = after - before;
		*ticks = before + best / 2;
		*nsec = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	}
}

int main(void)
{
	uint64_t first = 0, last = 0, begin = 0, end = 0;

	sample(&first, &begin);
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	sample(&last, &end);
	return printf("%.0f\n", (double)(last - first) * 1e6 / (double)(end - begin)) < 0;
}
