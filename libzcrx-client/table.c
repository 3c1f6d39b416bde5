/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Streams by the user_data of their requests. What a completion brings back is looked up, never
 * made a pointer of: the ring is the application's, too, and any number may come out of it.
 */
#include <errno.h>

#include "queue.h"

#define SERIAL_MAX (UINT32_MAX >> 1)

/* The place of a stream, and how many have had it. */
static uint64_t tag_of(uint32_t index, uint32_t serial)
{
	return OURS | (uint64_t)serial << 32 | index;
}

static int grow(struct stream_table *t)
{
	uint32_t n = t->n_slots > 0 ? 2 * t->n_slots : 16;
	struct stream_slot *slots;

	if (n <= t->n_slots)
		return -EOVERFLOW;
	slots = reallocarray(t->slots, n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = t->n_slots; i < n; i++)
		slots[i] = (struct stream_slot) { .next = i + 1 };
	t->slots = slots;
	t->n_slots = n;
	return 0;
}

int table_add(struct stream_table *t, struct zcrx_stream *s)
{
	struct stream_slot *slot;
	int r;

	if (t->free == t->n_slots) {
		r = grow(t);
		if (r < 0)
			return r;
	}
	slot = &t->slots[t->free];
	slot->serial = slot->serial < SERIAL_MAX ? slot->serial + 1 : 1;
	slot->stream = s;
	s->tag = tag_of(t->free, slot->serial);
	t->free = slot->next;
	return 0;
}

/* The last that became free is the first to be taken again; its serial number is another then. */
void table_remove(struct stream_table *t, struct zcrx_stream *s)
{
	uint32_t index = (uint32_t)s->tag;

	t->slots[index].stream = NULL;
	t->slots[index].next = t->free;
	t->free = index;
}

void table_done(struct stream_table *t)
{
	free(t->slots);
	*t = (struct stream_table) {};
}
