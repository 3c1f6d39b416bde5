/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What another process that shares a queue can write to: the page that describes it, and, between our own
 * operations, the lock and both ends of the refill ring. Whatever is there, a page that is taken makes a
 * pool, entries stay within the ring, and name buffers of the area.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "refill.h"
#include "share.h"

#define PAGE	  4096U
#define ENTRIES	  16U
#define BUFFERS	  12U
#define UNTOUCHED 0x5a

struct memory {
	uint32_t lock, head, tail;
	struct zc_rqe entries[ENTRIES];
	unsigned char beyond[64];
};

static void check_page(const uint8_t *data, size_t size)
{
	struct share_page page = {};

	memcpy(&page, data, size < sizeof(page) ? size : sizeof(page));
	if (share_check(&page, PAGE) < 0)
		return;
	assert(page.area_size / page.buffer_length >= 1);
	assert(page.area_size / page.buffer_length <= page.refill_entries);
	assert(page.area_offset <= (uint64_t)INT64_MAX - page.area_size);
	assert((page.area_offset | page.area_size | page.buffer_length) % PAGE == 0);
}

static void check_memory(const struct memory *m)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		assert(m->entries[i].off % PAGE == 0 && m->entries[i].off / PAGE < BUFFERS);
		assert(m->entries[i].len == 0 || m->entries[i].len == PAGE);
	}
	for (size_t i = 0; i < sizeof(m->beyond); i++)
		assert(m->beyond[i] == UNTOUCHED);
}

static void act(struct refill *r, struct memory *m, uint8_t what, uint8_t which, uint32_t value)
{
	uint64_t offset = (uint64_t)which * PAGE;
	uint32_t at = which;

	switch (what % 8) {
	case 0:
		(void)refill_take(r, offset, 1, &offset);
		break;
	case 1:
		(void)refill_give(r, offset);
		break;
	case 2:
		refill_settle(r);
		break;
	case 3:
		assert(refill_sweep(r, &at) <= ENTRIES);
		break;
	case 4:
		m->lock = value;
		break;
	case 5:
		m->head = value;
		break;
	case 6:
		m->tail = value;
		break;
	case 7:
		(void)refill_queued(r);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {};
	struct refill r;

	check_page(data, size);
	memset(m.beyond, UNTOUCHED, sizeof(m.beyond));
	assert(refill_init(&r, &m.head, &m.tail, m.entries, ENTRIES, BUFFERS, PAGE, 0) == 0);
	refill_share(&r, &m.lock);
	for (; size >= 6; data += 6, size -= 6) {
		uint32_t value;

		memcpy(&value, data + 2, sizeof(value));
		act(&r, &m, data[0], data[1], value);
		check_memory(&m);
	}
	refill_done(&r);
	return 0;
}
