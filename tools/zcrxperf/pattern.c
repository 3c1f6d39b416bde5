/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See pattern.h. */
#include "pattern.h"

#include <endian.h>
#include <string.h>

#define WORD sizeof(uint64_t)

static uint64_t word_at(uint64_t seed, uint64_t index)
{
	uint64_t x = seed + index * UINT64_C(0x9e3779b97f4a7c15);

	if (index == 0)
		return htole64(seed);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	return htole64(x);
}

static uint8_t byte_at(uint64_t seed, uint64_t offset)
{
	uint64_t word = word_at(seed, offset / WORD);
	uint8_t bytes[WORD];

	memcpy(bytes, &word, WORD);
	return bytes[offset % WORD];
}

void pattern_fill(uint64_t seed, uint64_t offset, void *data, size_t length)
{
	uint8_t *p = data, *end = p + length;

	while (p < end)
		if (offset % WORD == 0 && (size_t)(end - p) >= WORD) {
			uint64_t word = word_at(seed, offset / WORD);

			memcpy(p, &word, WORD);
			p += WORD;
			offset += WORD;
		} else {
			*p++ = byte_at(seed, offset++);
		}
}

static void check_byte(struct pattern_check *c, uint8_t byte)
{
	/* The first word is the seed: it is learned, not checked. */
	if (c->offset < WORD)
		c->seed |= (uint64_t)byte << 8 * c->offset;
	else if (byte != byte_at(c->seed, c->offset) && c->wrong++ == 0)
		c->first_wrong = c->offset;
	c->offset++;
}

void pattern_check(struct pattern_check *c, const void *data, size_t length)
{
	const uint8_t *p = data, *end = p + length;

	while (p < end) {
		uint64_t word;

		if (c->offset >= WORD && c->offset % WORD == 0 && (size_t)(end - p) >= WORD) {
			memcpy(&word, p, WORD);
			if (word == word_at(c->seed, c->offset / WORD)) {
				c->offset += WORD;
				p += WORD;
				continue;
			}
		}
		check_byte(c, *p++);
	}
}
