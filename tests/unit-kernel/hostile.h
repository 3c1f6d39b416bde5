/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A reader has to survive any bytes. Each try gets a copy that ends where the message ends, so that
 * the sanitizer sees every byte read behind it.
 */
#pragma once

#include "macro.h"
#include "message.h"
#include "testlib.h"

typedef void (*hostile_reader)(const struct nlmsghdr *m);

static inline void hostile_try(const uint8_t *bytes, size_t n, hostile_reader read)
{
	_cleanup_free_ struct nlmsghdr *copy = malloc(n);

	memcpy(copy, bytes, n);
	copy->nlmsg_len = (uint32_t)n; /* the transport holds this to the truth (nlmsg_ok) */
	read(copy);
}

/* Cut off at every length; every byte with every bit pattern that hurts; then random damage. */
static inline void hostile_sweep(const struct message *m, hostile_reader read)
{
	static const uint8_t patterns[] = { 0x00, 0x01, 0x03, 0x04, 0x7f, 0x80, 0xff };
	struct message copy = *m;
	uint64_t seed = 20250101;

	for (size_t n = sizeof(struct nlmsghdr); n <= m->n; n++)
		hostile_try(m->bytes, n, read);
	for (size_t i = sizeof(struct nlmsghdr); i < m->n; i++) {
		for (size_t p = 0; p < ARRAY_SIZE(patterns); p++) {
			copy.bytes[i] = patterns[p];
			hostile_try(copy.bytes, copy.n, read);
		}
		copy.bytes[i] = m->bytes[i];
	}
	for (unsigned i = 0; i < 2000; i++) {
		copy = *m;
		for (unsigned k = 0; k < 4; k++)
			copy.bytes[test_between(&seed, sizeof(struct nlmsghdr),
						(unsigned)m->n - 1)] = (uint8_t)test_random(&seed);
		hostile_try(copy.bytes, copy.n, read);
	}
}
