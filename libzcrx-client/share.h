/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What processes that share a queue have between them besides its area: a page of memory that says what
 * the one that registered knows, and whose turn it is to write to the refill ring. share.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHARE_MAGIC UINT64_C(0x317268737872637a) /* "zcrxshr1" */

/* All of the same size on every machine, for a program and its successor may be built differently. */
struct share_page {
	uint64_t magic;
	uint32_t lock; /* refill.lock */
	uint32_t buffer_length;
	uint64_t area_offset; /* of the area in its descriptor */
	uint64_t area_size;
	uint64_t area_token;
	uint64_t refill_size;
	uint64_t stats_offset; /* 0: no statistics */
	uint32_t refill_entries;
	uint32_t napi_id;
};

/* A copy of what another process has written. -EBADMSG: it makes no pool. */
int share_check(const struct share_page *page, uint64_t page_size);
