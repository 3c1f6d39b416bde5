/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The payload: a stream whose every byte follows from its position, so that a byte that is wrong,
 * missing, twice there or from another connection shows. Pure: no I/O.
 *
 * The stream is 64-bit words, little endian. The first is the connection's seed; the others mix the
 * seed with their position. So the receiver needs to know nothing in advance.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The `length` bytes of the stream from position `offset` on. */
void pattern_fill(uint64_t seed, uint64_t offset, void *data, size_t length);

struct pattern_check {
	uint64_t seed;
	uint64_t offset;      /* how much was checked */
	uint64_t wrong;	      /* bytes that are not as they should be */
	uint64_t first_wrong; /* the position of the first of them */
};

/* Checks the next `length` bytes of the stream. */
void pattern_check(struct pattern_check *c, const void *data, size_t length);
