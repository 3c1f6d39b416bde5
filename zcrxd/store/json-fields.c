/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See json-fields.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "json-fields.h"

static uint64_t get_number(const struct json_field *f, const void *object)
{
	const char *p = (const char *)object + f->offset;

	switch (f->size) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return *(const uint16_t *)p;
	case 4:
		return *(const uint32_t *)p;
	default:
		return *(const uint64_t *)p;
	}
}

static void set_number(const struct json_field *f, void *object, uint64_t number)
{
	char *p = (char *)object + f->offset;

	switch (f->size) {
	case 1:
		*(uint8_t *)p = (uint8_t)number;
		break;
	case 2:
		*(uint16_t *)p = (uint16_t)number;
		break;
	case 4:
		*(uint32_t *)p = (uint32_t)number;
		break;
	default:
		*(uint64_t *)p = number;
		break;
	}
}

/* ---------------------------------------------------------------------------- reading */

void json_refuse(struct json_reader *r, const char *key)
{
	if (!r->bad)
		r->bad = key;
}

uint64_t json_read_number(struct json_reader *r, sd_json_variant *v, const char *key, uint64_t last)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	if (!f || !sd_json_variant_is_unsigned(f) || sd_json_variant_unsigned(f) > last) {
		json_refuse(r, key);
		return 0;
	}
	return sd_json_variant_unsigned(f);
}

static bool read_text(sd_json_variant *v, char *ret, size_t size)
{
	const char *s = sd_json_variant_is_string(v) ? sd_json_variant_string(v) : NULL;

	if (!s || strlen(s) >= size)
		return false;
	strcpy(ret, s);
	return true;
}

static bool read_bytes(sd_json_variant *v, void *ret, size_t size)
{
	_cleanup_free_ void *bytes = NULL;
	size_t n = 0;

	if (sd_json_variant_unhex(v, &bytes, &n) < 0 || n != size)
		return false;
	memcpy(ret, bytes, size);
	return true;
}

static void read_field(struct json_reader *r, sd_json_variant *object, sd_json_variant *v,
		       const struct json_field *f, void *ret)
{
	char *member = (char *)ret + f->offset;
	bool good = true;

	switch (f->kind) {
	case JSON_NUMBER:
		set_number(f, ret, json_read_number(r, object, f->key, f->last));
		break;
	case JSON_BOOLEAN:
		good = sd_json_variant_is_boolean(v);
		*(bool *)member = good && sd_json_variant_boolean(v);
		break;
	case JSON_TEXT:
		good = read_text(v, member, f->size);
		break;
	case JSON_BYTES:
		good = read_bytes(v, member, f->size);
		break;
	}
	if (!good)
		json_refuse(r, f->key);
}

void json_read(struct json_reader *r, sd_json_variant *v, const struct json_field *fields, size_t n,
	       void *object)
{
	for (size_t i = 0; i < n; i++) {
		const struct json_field *f = &fields[i];
		sd_json_variant *member = sd_json_variant_by_key(v, f->key);

		if (f->has)
			*((bool *)object + f->has - 1) = member != NULL;
		if (member)
			read_field(r, v, member, f, object);
		else if (!f->has && f->presence == JSON_ALWAYS)
			json_refuse(r, f->key);
	}
}

size_t json_read_array(struct json_reader *r, sd_json_variant *v, const char *key, size_t size,
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

/* ---------------------------------------------------------------------------- writing */

static void put_key(struct json_writer *w, const char *key)
{
	if (w->follows)
		fputc(',', w->f);
	if (key)
		fprintf(w->f, "\"%s\":", key);
	w->follows = true;
}

void json_open(struct json_writer *w, const char *key, char bracket)
{
	put_key(w, key);
	fputc(bracket, w->f);
	w->follows = false;
}

void json_close(struct json_writer *w, char bracket)
{
	fputc(bracket, w->f);
	w->follows = true;
}

void json_write_number(struct json_writer *w, const char *key, uint64_t number)
{
	put_key(w, key);
	fprintf(w->f, "%" PRIu64, number);
}

void json_write_boolean(struct json_writer *w, const char *key, bool value)
{
	put_key(w, key);
	fputs(value ? "true" : "false", w->f);
}

void json_write_text(struct json_writer *w, const char *key, const char *text)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	_cleanup_free_ char *quoted = NULL;
	int r = sd_json_variant_new_string(&v, text);

	if (r >= 0)
		r = sd_json_variant_format(v, 0, &quoted);
	put_key(w, key);
	fputs(r < 0 ? "null" : quoted, w->f);
	if (r < 0 && w->r == 0)
		w->r = r;
}

void json_write_raw(struct json_writer *w, const char *text)
{
	put_key(w, NULL);
	fputs(text, w->f);
}

static void write_bytes(struct json_writer *w, const char *key, const uint8_t *bytes, size_t n)
{
	put_key(w, key);
	fputc('"', w->f);
	for (size_t i = 0; i < n; i++)
		fprintf(w->f, "%02x", bytes[i]);
	fputc('"', w->f);
}

static bool is_set(const struct json_field *f, const void *object)
{
	const char *member = (const char *)object + f->offset;

	if (f->kind == JSON_NUMBER)
		return get_number(f, object) != 0;
	return f->kind == JSON_BYTES || *member;
}

void json_write(struct json_writer *w, const struct json_field *fields, size_t n, const void *object)
{
	for (size_t i = 0; i < n; i++) {
		const struct json_field *f = &fields[i];
		const char *member = (const char *)object + f->offset;

		if ((f->has && !*((const bool *)object + f->has - 1)) ||
		    (f->presence == JSON_IF_SET && !is_set(f, object)))
			continue;
		switch (f->kind) {
		case JSON_NUMBER:
			json_write_number(w, f->key, get_number(f, object));
			break;
		case JSON_BOOLEAN:
			json_write_boolean(w, f->key, *(const bool *)member);
			break;
		case JSON_TEXT:
			json_write_text(w, f->key, member);
			break;
		case JSON_BYTES:
			write_bytes(w, f->key, (const uint8_t *)member, f->size);
			break;
		}
	}
}

int json_writer_begin(struct json_writer *w, char **text, size_t *size)
{
	*w = (struct json_writer){ .f = open_memstream(text, size) };
	return w->f ? 0 : -ENOMEM;
}

int json_writer_end(struct json_writer *w)
{
	bool failed = ferror(w->f);

	if (fclose(w->f) != 0 || failed)
		return -ENOMEM;
	return w->r;
}
