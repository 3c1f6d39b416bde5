/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the packets of a bound queue find buffers: what the kernel's counters say of it, from one look to the
 * next. Pure.
 */
#pragma once

#include "demand.h"

/* All zero at first, and when another ring is registered. */
struct supply {
	bool known;
	uint64_t packets, failures; /* of the driver, at the last look */
	uint64_t missed;	    /* packets that found no buffer since the first look */
	unsigned rises;		    /* in how many looks these had become more */
	bool failing; /* when anything came last, most of it found none */
	uint64_t in_use; /* bytes of the area that the kernel has given out: to the ring, to packets, and what the
			  * program has returned, but the driver not taken yet */
};

/* A look at the queue. A driver that counts no failures says nothing. */
void supply_note(struct supply *s, const struct nic_queue *q);
/* Its queue was at rest, or had what it needed (not `failing`), and has it no more; or has another NAPI. */
bool supply_is_news(const struct nic_queue *before, const struct nic_queue *now);
/* Again and again: a burst is no reason for a word. */
bool supply_is_short(const struct supply *s);
/* In a sentence, of a queue that is short. -ENOMEM. */
int supply_format(const struct supply *s, uint32_t queue, uint64_t area, const struct nic_demand *demand,
		  char **ret);
/*
 * Its ring is empty for all that can be seen: less than `reserve` of the area was never given out, and since
 * packets found no buffer hardly any came through. Also of a program that has returned all buffers after
 * that: what it returns is seen by nobody until the driver takes it.
 */
bool supply_is_dry(const struct supply *s, uint64_t area, uint64_t reserve);
