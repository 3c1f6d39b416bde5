/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See histogram.h.
 */
#include <assert.h>

#include "histogram.h"

/* From a call that only looks into memory to a driver that makes its channels again, or its firmware's timeout. */
static const struct {
	uint64_t usec;
	const char *seconds;
} bounds[HISTOGRAM_BUCKETS] = {
	{ 100, "0.0001" },    { 300, "0.0003" },     { 1000, "0.001" },	   { 3000, "0.003" },
	{ 10000, "0.01" },    { 30000, "0.03" },     { 100000, "0.1" },	   { 300000, "0.3" },
	{ 1000000, "1.0" },   { 3000000, "3.0" },    { 10000000, "10.0" }, { 30000000, "30.0" },
	{ UINT64_MAX, "+Inf" },
};

void histogram_add(struct histogram *h, uint64_t usec)
{
	unsigned i = 0;

	while (usec > bounds[i].usec)
		i++;
	h->buckets[i]++;
	h->sum_usec += usec;
}

uint64_t histogram_below(const struct histogram *h, unsigned i)
{
	uint64_t n = 0;

	assert(i < HISTOGRAM_BUCKETS);
	for (unsigned k = 0; k <= i; k++)
		n += h->buckets[k];
	return n;
}

const char *histogram_bound(unsigned i)
{
	assert(i < HISTOGRAM_BUCKETS);
	return bounds[i].seconds;
}
