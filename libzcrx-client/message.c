/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See message.h.
 */
#include <errno.h>
#include <limits.h>

#include "message.h"

json_object *message_new(void)
{
	return json_object_new_object();
}

void message_put_object(json_object **o, const char *key, json_object *value)
{
	if (*o && value && json_object_object_add(*o, key, value) == 0)
		return;
	json_object_put(value);
	json_object_put(*o);
	*o = NULL;
}

void message_put_string(json_object **o, const char *key, const char *value)
{
	if (value)
		message_put_object(o, key, json_object_new_string(value));
}

void message_put_unsigned(json_object **o, const char *key, uint64_t value)
{
	message_put_object(o, key, json_object_new_uint64(value));
}

void message_put_boolean(json_object **o, const char *key, bool value)
{
	message_put_object(o, key, json_object_new_boolean(value));
}

static json_object *get(json_object *o, const char *key, enum json_type type)
{
	json_object *v;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &v))
		return NULL;
	return json_object_is_type(v, type) ? v : NULL;
}

const char *message_get_string(json_object *o, const char *key)
{
	json_object *v = get(o, key, json_type_string);

	return v ? json_object_get_string(v) : NULL;
}

json_object *message_get_array(json_object *o, const char *key)
{
	return get(o, key, json_type_array);
}

int message_to_unsigned(json_object *v, uint64_t max, uint64_t *ret)
{
	/* A number below 0 reads as 0, unsigned, and one that is too large as the largest, signed. */
	if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0 ||
	    json_object_get_uint64(v) > max)
		return -EBADMSG;
	*ret = json_object_get_uint64(v);
	return 0;
}

int message_get_unsigned(json_object *o, const char *key, uint64_t max, uint64_t *ret)
{
	json_object *v = NULL;

	if (!json_object_is_type(o, json_type_object))
		return -EBADMSG;
	if (!json_object_object_get_ex(o, key, &v) || !v)
		return -ENOENT;
	return message_to_unsigned(v, max, ret);
}

int message_parse(const char *text, size_t size, json_object **ret)
{
	struct json_tokener *t;
	json_object *o;
	int r = 0;

	if (size > INT_MAX)
		return -EBADMSG;
	t = json_tokener_new();
	if (!t)
		return -ENOMEM;
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(t, text, (int)size);
	if (json_tokener_get_error(t) != json_tokener_success || json_tokener_get_parse_end(t) != size ||
	    !json_object_is_type(o, json_type_object))
		r = -EBADMSG;
	json_tokener_free(t);
	if (r < 0) {
		json_object_put(o);
		return r;
	}
	*ret = o;
	return 0;
}

int message_parse_reply(const char *text, size_t size, json_object **ret_message,
			json_object **ret_parameters, const char **ret_error)
{
	_cleanup_json_ json_object *o = NULL;
	json_object *parameters = NULL, *error = NULL;
	int r;

	r = message_parse(text, size, &o);
	if (r < 0)
		return r;
	if (json_object_object_get_ex(o, "error", &error) && !json_object_is_type(error, json_type_string))
		return -EBADMSG;
	if (!json_object_object_get_ex(o, "parameters", &parameters) || !parameters) {
		parameters = json_object_new_object();
		if (!parameters || json_object_object_add(o, "parameters", parameters) < 0) {
			json_object_put(parameters);
			return -ENOMEM;
		}
	}
	if (!json_object_is_type(parameters, json_type_object))
		return -EBADMSG;
	*ret_parameters = parameters;
	*ret_error = error ? json_object_get_string(error) : NULL;
	*ret_message = TAKE_PTR(o);
	return 0;
}
