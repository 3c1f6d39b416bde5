/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells how fast it goes while it goes: a line on stdout for each interval that was asked for (--interval),
 * else, where stderr is a terminal, one line there that is written again and again, and gone at the end.
 */
#pragma once

#include <stdbool.h>

#include "options.h"

struct meter_sample {
	double from, to; /* seconds since the start */
	uint64_t bytes;
};

struct meter {
	const char *label; /* what is measured; NULL: it needs no name */
	double interval;   /* 0: none */
	uint64_t expected; /* bytes; 0: not known */
	double length;	   /* seconds; 0: not known */
	bool quiet;	   /* intervals are collected, not printed */
	bool terminal;
	bool shown; /* there is something on the terminal */
	double start, last, next;
	uint64_t bytes; /* at `last` */
	struct meter_sample *samples;
	size_t n_samples;
};

void meter_start(struct meter *m, const struct options *o, const char *label, uint64_t expected);
/* Milliseconds until meter_tell() has something to do, for poll(); -1: never. */
int meter_timeout(const struct meter *m);
/* Bytes since the start; as often as one likes. */
void meter_tell(struct meter *m, uint64_t bytes);
/* No more of them. The samples stay. */
void meter_stop(struct meter *m);
void meter_free(struct meter *m);

/* Seconds, of a clock that is never set. */
double meter_now(void);
