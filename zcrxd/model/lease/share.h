/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table that all users fill: the last eighth of it is for those who hold little of it, so that nobody
 * takes the last entry from the others.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SHARE_KEPT(size)  ((size) / 8)
#define SHARE_SMALL(size) ((size) / 64 > 0 ? (size) / 64 : 1)

/* Whether a user may have so many entries more, of which he holds `held` then. 0: one who may have the
 * last. */
static inline bool share_allows(uint64_t size, uint64_t used, uint64_t held, uint64_t asked)
{
	uint64_t left = used < size ? size - used : 0;

	if (asked > left)
		return false;
	return held == 0 || held <= SHARE_SMALL(size) || asked + SHARE_KEPT(size) <= left;
}
