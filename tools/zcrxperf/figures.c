/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See figures.h. */
#include "figures.h"

#include <stdio.h>
#include <stdlib.h>

#include "macro.h"

#define GIGA 1e9

/* Of three digits, as far as there are any; at most six places, for what is slower than a modem. */
static int places_of(double value)
{
	int places = 2;

	if (value >= 99.95)
		return 0;
	if (value >= 9.995)
		return 1;
	for (double limit = 0.9995; value < limit && places < 6; limit /= 10)
		places++;
	return value == 0 ? 2 : places;
}

struct text text_gigabits(double bytes_per_second)
{
	double value = bytes_per_second * 8 / GIGA;
	struct text t;

	snprintf(t.text, sizeof(t.text), "%.*f", places_of(value), value);
	return t;
}

struct text text_rate(double bytes_per_second)
{
	double value = bytes_per_second * 8 / GIGA;
	struct text t;

	snprintf(t.text, sizeof(t.text), "%.*f Gbit/s", places_of(value), value);
	return t;
}

struct text text_bytes(uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	struct text t;
	size_t i = 0;

	for (; i < ARRAY_SIZE(units) - 1 && value >= 999.5; i++)
		value /= 1000;
	snprintf(t.text, sizeof(t.text), "%.*f %s", i == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, value,
		 units[i]);
	return t;
}

double percent(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

uint64_t percentile(uint64_t *values, size_t n, double share)
{
	size_t index;

	if (n == 0)
		return 0;
	qsort(values, n, sizeof(*values), compare);
	index = (size_t)(share * (double)n);
	if ((double)index < share * (double)n)
		index++; /* that many are needed */
	if (index > 0)
		index--;
	return values[index < n ? index : n - 1];
}
