/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See values.h.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "metrics.h"
#include "values.h"

sd_json_variant *collect(sd_varlink *link, const char *method)
{
	sd_json_variant *replies = NULL;
	const char *error = NULL;

	assert_true(sd_varlink_collect(link, method, NULL, &replies, &error) >= 0);
	assert_null(error);
	assert_true(sd_json_variant_elements(replies) > 0);
	return replies;
}

size_t count_of(sd_json_variant *object)
{
	return object ? sd_json_variant_elements(object) / 2 : 0;
}

/* The labels are exactly these, up to a NULL. */
static bool has_labels(sd_json_variant *fields, va_list ap)
{
	const char *name;
	size_t n = 0;

	while ((name = va_arg(ap, const char *))) {
		if (!fields || !streq(text_of(fields, name), va_arg(ap, const char *)))
			return false;
		n++;
	}
	return count_of(fields) == n;
}

double metric(struct daemon *d, const char *name, const char *object, ...)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *replies = collect(link, "io.systemd.Metrics.List");
	double found = ABSENT;

	for (size_t i = 0; i < sd_json_variant_elements(replies); i++) {
		sd_json_variant *v = sd_json_variant_by_index(replies, i);
		va_list ap;
		bool same;

		if (!streq(text_of(v, "name") + strlen(METRICS_PREFIX), name) || !streq(text_of(v, "object"), object))
			continue;
		va_start(ap, object);
		same = has_labels(sd_json_variant_by_key(v, "fields"), ap);
		va_end(ap);
		if (!same)
			continue;
		assert_true(found == ABSENT); /* once */
		found = sd_json_variant_real(sd_json_variant_by_key(v, "value"));
	}
	return found;
}
