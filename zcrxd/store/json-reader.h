/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the fields of a JSON object that we have written, as far as they can be read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-json.h>

#include "macro.h"

/* What is wrong is 0 or empty, and the first of it is remembered. */
struct json_reader {
	const char *bad; /* its key; NULL if all is right so far */
};

void json_refuse(struct json_reader *r, const char *key);
uint64_t json_get_unsigned(struct json_reader *r, sd_json_variant *v, const char *key, uint64_t last);
bool json_get_boolean(struct json_reader *r, sd_json_variant *v, const char *key);
/* Of later versions of the daemon: an earlier one's record lacks them. */
uint64_t json_get_optional(struct json_reader *r, sd_json_variant *v, const char *key, uint64_t last);
/* Likewise; *ret stays as it is then. */
void json_get_string(struct json_reader *r, sd_json_variant *v, const char *key, char *ret, size_t size);
void json_get_bytes(struct json_reader *r, sd_json_variant *v, const char *key, uint8_t ret[16]);
/* The number of elements, with room for them in *ret. How many there may be is for who makes them. */
size_t json_get_array(struct json_reader *r, sd_json_variant *v, const char *key, size_t size, void **ret,
		      sd_json_variant **ret_array);
