/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pairs of the objects that json*.c build, in short.
 */
#pragma once

#include <systemd/sd-json.h>

#define STRING(key, value) SD_JSON_BUILD_PAIR_STRING(key, value)
#define UNSIGNED(key, value) SD_JSON_BUILD_PAIR_UNSIGNED(key, value)
#define BOOLEAN(key, value) SD_JSON_BUILD_PAIR_BOOLEAN(key, value)
#define STRING_IF(key, value) SD_JSON_BUILD_PAIR_CONDITION(!!(value), key, SD_JSON_BUILD_STRING(value))
#define UNSIGNED_IF(condition, key, value)                                                         \
	SD_JSON_BUILD_PAIR_CONDITION(condition, key, SD_JSON_BUILD_UNSIGNED(value))
