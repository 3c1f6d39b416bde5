/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fields of the daemon's objects. See field.h.
 */
#include "field.h"

static sd_json_variant *get(sd_json_variant *object, const char *name, int (*is)(sd_json_variant *))
{
	sd_json_variant *v = object && sd_json_variant_is_object(object)
				     ? sd_json_variant_by_key(object, name)
				     : NULL;

	return v && is(v) ? v : NULL;
}

const char *field_string(sd_json_variant *object, const char *name)
{
	sd_json_variant *v = get(object, name, sd_json_variant_is_string);

	return v ? sd_json_variant_string(v) : NULL;
}

sd_json_variant *field_object(sd_json_variant *object, const char *name)
{
	return get(object, name, sd_json_variant_is_object);
}

sd_json_variant *field_array(sd_json_variant *object, const char *name)
{
	return get(object, name, sd_json_variant_is_array);
}

bool field_has(sd_json_variant *object, const char *name)
{
	sd_json_variant *v = object && sd_json_variant_is_object(object)
				     ? sd_json_variant_by_key(object, name)
				     : NULL;

	return v && !sd_json_variant_is_null(v);
}

bool field_boolean(sd_json_variant *object, const char *name)
{
	sd_json_variant *v = get(object, name, sd_json_variant_is_boolean);

	return v && sd_json_variant_boolean(v);
}

uint64_t field_unsigned(sd_json_variant *object, const char *name, uint64_t fallback)
{
	sd_json_variant *v = get(object, name, sd_json_variant_is_unsigned);

	return v ? sd_json_variant_unsigned(v) : fallback;
}
