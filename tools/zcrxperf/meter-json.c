/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See meter-json.h. */
#include "meter-json.h"

int meter_to_json(const struct meter *m, sd_json_variant **ret)
{
	int r = 0;

	*ret = NULL;
	for (size_t i = 0; i < m->n_samples && r >= 0; i++) {
		const struct meter_sample *s = &m->samples[i];

		r = sd_json_variant_append_arraybo(
			ret, SD_JSON_BUILD_PAIR_UNSIGNED("beginUSec", (uint64_t)(s->from * 1e6)),
			SD_JSON_BUILD_PAIR_UNSIGNED("endUSec", (uint64_t)(s->to * 1e6)),
			SD_JSON_BUILD_PAIR_UNSIGNED("bytes", s->bytes),
			SD_JSON_BUILD_PAIR_UNSIGNED("bytesPerSecond",
						    (uint64_t)((double)s->bytes / (s->to - s->from))));
	}
	return r;
}
