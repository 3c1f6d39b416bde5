/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See json-reader.h.
 */
#include <string.h>

#include "json-reader.h"

void json_refuse(struct json_reader *r, const char *key)
{
	if (!r->bad)
		r->bad = key;
}

uint64_t json_get_unsigned(struct json_reader *r, sd_json_variant *v, const char *key, uint64_t last)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	if (!f || !sd_json_variant_is_unsigned(f) || sd_json_variant_unsigned(f) > last) {
		json_refuse(r, key);
		return 0;
	}
	return sd_json_variant_unsigned(f);
}

bool json_get_boolean(struct json_reader *r, sd_json_variant *v, const char *key)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	if (!f || !sd_json_variant_is_boolean(f)) {
		json_refuse(r, key);
		return false;
	}
	return sd_json_variant_boolean(f);
}

uint64_t json_get_optional(struct json_reader *r, sd_json_variant *v, const char *key, uint64_t last)
{
	return sd_json_variant_by_key(v, key) ? json_get_unsigned(r, v, key, last) : 0;
}

void json_get_bytes(struct json_reader *r, sd_json_variant *v, const char *key, uint8_t ret[16])
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);
	_cleanup_free_ void *bytes = NULL;
	size_t n = 0;

	if (!f || sd_json_variant_unhex(f, &bytes, &n) < 0 || n != 16) {
		json_refuse(r, key);
		return;
	}
	memcpy(ret, bytes, 16);
}

size_t json_get_array(struct json_reader *r, sd_json_variant *v, const char *key, size_t size,
		      void **ret, sd_json_variant **ret_array)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);
	size_t n;

	*ret = NULL;
	*ret_array = f;
	if (!f || !sd_json_variant_is_array(f)) {
		json_refuse(r, key);
		return 0;
	}
	n = sd_json_variant_elements(f);
	*ret = calloc(n + 1, size);
	if (!*ret)
		json_refuse(r, key);
	return *ret ? n : 0;
}

void json_get_string(struct json_reader *r, sd_json_variant *v, const char *key, char *ret, size_t size)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	if (!f)
		return;
	if (!sd_json_variant_is_string(f) || strlen(sd_json_variant_string(f)) >= size)
		json_refuse(r, key);
	else
		strcpy(ret, sd_json_variant_string(f));
}
