/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Figures for people, and what is computed of them. Pure: no I/O, no clock. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* "12.3 Gbit/s": three digits that say something, however slow it was. Network people count bits, and in
 * powers of 1000. */
struct text {
	char text[24];
};

struct text text_rate(double bytes_per_second);
/* The number alone. */
struct text text_gigabits(double bytes_per_second);
/* "12.3 GB", in powers of 1000. */
struct text text_bytes(uint64_t bytes);

double percent(uint64_t part, uint64_t whole);

/* The smallest of `n` values that is not exceeded by `share` (0 to 1) of them; sorts them. 0: there are none. */
uint64_t percentile(uint64_t *values, size_t n, double share);
