/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is told of a series of durations. */
#include <stdlib.h>

#include "bench.h"

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The smallest value that at least this part of all values does not exceed. */
static uint64_t quantile(const struct series *s, unsigned percent)
{
	size_t rank = (s->n * percent + 99) / 100;

	return s->values[rank > 0 ? rank - 1 : 0];
}

struct figures series_figures(struct series *s)
{
	qsort(s->values, s->n, sizeof(*s->values), compare);
	return (struct figures) { .median = quantile(s, 50), .p99 = quantile(s, 99) };
}

int series_to_json(struct series *s, const char *name, sd_json_variant **v)
{
	struct figures f = series_figures(s);
	sd_json_variant *figures = NULL;
	int r;

	r = sd_json_buildo(&figures, SD_JSON_BUILD_PAIR_UNSIGNED("medianNSec", f.median),
			   SD_JSON_BUILD_PAIR_UNSIGNED("p99NSec", f.p99));
	if (r >= 0)
		r = sd_json_variant_set_field(v, name, figures);
	sd_json_variant_unref(figures);
	return r;
}
