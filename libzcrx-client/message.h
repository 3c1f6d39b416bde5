/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Varlink messages as JSON: parameters of calls are built, replies are read. What comes from the other
 * side is not trusted: a field of another type, or a number out of range, is an error. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "macro.h"

static inline void json_object_putp(json_object **o)
{
	json_object_put(*o);
}

#define _cleanup_json_ _cleanup_(json_object_putp)

/* Parameters of a call. NULL: out of memory; whatever is put into that leaves it NULL, so that it is
 * asked for once, at the end. A string that is NULL is left out. */
json_object *message_new(void);
void message_put_string(json_object **o, const char *key, const char *value);
void message_put_unsigned(json_object **o, const char *key, uint64_t value);
void message_put_boolean(json_object **o, const char *key, bool value);
void message_put_object(json_object **o, const char *key, json_object *value); /* taken over */

/* NULL if there is none, or it is null or no string. It belongs to `o`. */
const char *message_get_string(json_object *o, const char *key);
/* Likewise; -1: no array. */
json_object *message_get_array(json_object *o, const char *key);
/* 0; -ENOENT if there is none, or it is null; -EBADMSG if it is no number from 0 to max. */
int message_get_unsigned(json_object *o, const char *key, uint64_t max, uint64_t *ret);
int message_to_unsigned(json_object *v, uint64_t max, uint64_t *ret);

/* One JSON object and nothing else. -EBADMSG if it is not; -ENOMEM. */
int message_parse(const char *text, size_t size, json_object **ret);
/* A reply: its parameters ("{}" if it has none), and the name of the error that it is, or NULL. Both belong
 * to *ret_message, which the caller gives back. */
int message_parse_reply(const char *text, size_t size, json_object **ret_message,
			json_object **ret_parameters, const char **ret_error);
