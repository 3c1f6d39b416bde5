/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the unit tests share: cmocka with its many headers, and random numbers that are the same on
 * every run.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those first. */
#include <cmocka.h>

#include "macro.h"

/* xorshift64*: any seed but 0. */
static inline uint32_t test_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

/* From min to max, both included. */
static inline unsigned test_between(uint64_t *seed, unsigned min, unsigned max)
{
	return min + test_random(seed) % (max - min + 1);
}

/* Compares a string that is freed here; says both when they differ. */
static inline void take_and_compare(char *got, const char *expected)
{
	_cleanup_free_ char *s = got;

	assert_non_null(s);
	assert_string_equal(s, expected);
}

#define CHECK_CONTAINS(text, part)                                                                 \
	do {                                                                                       \
		if (!strstr((text), (part)))                                                       \
			fail_msg("\"%s\" does not contain \"%s\"", (text), (part));                \
	} while (0)
