/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pattern shows every kind of damage, however the stream is cut; sizes are read exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "macro.h"
#include "pattern.h"

#define SEED UINT64_C(0x0123456789abcdef)
#define SIZE 4096

static void fill(uint8_t *data)
{
	pattern_fill(SEED, 0, data, SIZE);
}

static struct pattern_check check(const uint8_t *data, size_t length)
{
	struct pattern_check c = {};

	pattern_check(&c, data, length);
	return c;
}

static void test_any_cut(void **state)
{
	uint8_t whole[SIZE], pieces[SIZE];

	fill(whole);
	for (size_t step = 1; step < 40; step++) {
		struct pattern_check c = {};

		for (size_t at = 0; at < SIZE; at += step) {
			size_t n = SIZE - at < step ? SIZE - at : step;

			pattern_fill(SEED, at, pieces + at, n);
			pattern_check(&c, whole + at, n);
		}
		assert_memory_equal(whole, pieces, SIZE);
		assert_int_equal(c.offset, SIZE);
		assert_int_equal(c.wrong, 0);
		assert_true(c.seed == SEED);
	}
}

static void test_one_byte(void **state)
{
	uint8_t data[SIZE];

	fill(data);
	for (size_t i = 8; i < SIZE; i += 7) {
		struct pattern_check c;

		data[i] ^= 1;
		c = check(data, SIZE);
		assert_int_equal(c.wrong, 1);
		assert_int_equal(c.first_wrong, i);
		data[i] ^= 1;
	}
	data[3] ^= 1; /* a wrong seed makes all the rest wrong */
	assert_true(check(data, SIZE).wrong > SIZE / 2);
}

static void test_moved_blocks(void **state)
{
	uint8_t data[SIZE], other[SIZE];

	fill(data);
	memcpy(data + 1024, data + 2048, 1024); /* a block twice */
	assert_true(check(data, SIZE).wrong > 900);
	assert_int_equal(check(data, SIZE).first_wrong, 1024);
	fill(data);
	memmove(data + 100, data + 101, SIZE - 101); /* a byte lost */
	assert_true(check(data, SIZE - 1).wrong > 3000);
	fill(data);
	pattern_fill(SEED + 1, 0, other, SIZE); /* a block of another connection */
	memcpy(data + 512, other + 512, 512);
	assert_true(check(data, SIZE).wrong > 450);
	fill(data);
	memset(data + 512, 0, 512);
	assert_true(check(data, SIZE).wrong > 450);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_cut),
		cmocka_unit_test(test_one_byte),
		cmocka_unit_test(test_moved_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
