/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long operations took, as metrics have it: how many took no longer than each of a few fixed times, and all
 * of them together. Pure.
 */
#pragma once

#include <stdint.h>

#define HISTOGRAM_BUCKETS 13

/* All zero at first. */
struct histogram {
	uint64_t buckets[HISTOGRAM_BUCKETS]; /* each without those before it */
	uint64_t sum_usec;
};

void histogram_add(struct histogram *h, uint64_t usec);
/* How many took no longer than the bound of bucket i. Of the last: all. */
uint64_t histogram_below(const struct histogram *h, unsigned i);
/* In seconds, as OpenMetrics writes it: "0.001", "1.0"; "+Inf" for the last. */
const char *histogram_bound(unsigned i);
