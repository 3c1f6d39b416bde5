/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is asked for while it is under way is done once more when that has ended.
 */
#pragma once

#include <stdbool.h>

struct rerun {
	unsigned n; /* under way */
	bool again;
};

/* It may begin now; else it is done again. */
static inline bool rerun_ask(struct rerun *r)
{
	r->again = r->n > 0;
	return !r->again;
}

static inline void rerun_begin(struct rerun *r)
{
	r->n++;
}

/* True if it is to be done again. */
static inline bool rerun_end(struct rerun *r)
{
	bool again = r->again;

	if (--r->n > 0)
		return false;
	r->again = false;
	return again;
}
