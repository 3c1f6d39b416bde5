/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the daemon's objects with indulgence: a field that is missing, null or of another type
 * reads as absent, so that this zcrxctl shows what it understands of an older or newer zcrxd.
 * What is returned belongs to the object.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-json.h>

#include "macro.h"

#define _cleanup_json_ _cleanup_(sd_json_variant_unrefp)

/* NULL if absent. */
const char *field_string(sd_json_variant *object, const char *name);
sd_json_variant *field_object(sd_json_variant *object, const char *name);
sd_json_variant *field_array(sd_json_variant *object, const char *name);

bool field_has(sd_json_variant *object, const char *name);
bool field_boolean(sd_json_variant *object, const char *name);
uint64_t field_unsigned(sd_json_variant *object, const char *name, uint64_t fallback);

/* Every element of `array`, which may be NULL, in `e`. */
#define array_foreach(e, array)                                                                    \
	for (size_t _i_##e = 0, _n_##e = (array) ? sd_json_variant_elements(array) : 0;            \
	     _i_##e < _n_##e && (e = sd_json_variant_by_index(array, _i_##e)); _i_##e++)
