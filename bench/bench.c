/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all of the benchmark uses: the time, and how it says what failed. */
#include <time.h>

#include "bench.h"
#include "macro.h"

int failed(int r, const char *what)
{
	fprintf(stderr, "zcrx-bench: Cannot %s: %s\n", what, strerror(-r));
	return r;
}

uint64_t now_nsec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
