/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One mode of `zcrxperf compare`: its rate, what it costs, and its round trips. Gives exit statuses. */
#pragma once

#include "compare.h"
#include "request.h"

#define COMPARE_PATIENCE 10.0 /* seconds without a byte that was asked for */
#define TRIPS_MAX	 1000

struct compare {
	const struct options *options;
	struct session plain, leased; /* of the modes without a queue, and of those with one */
	struct connection *connections;
	uint64_t *requested; /* of each connection, since it was made */
	unsigned int n;
	struct compared result;
	uint64_t trips[TRIPS_MAX];
};

/* On connection `i`. */
int compare_ask(struct compare *c, unsigned int i, enum request_kind kind, uint64_t value);
/* Waits until something happens, and has the mode take it in; *ret: not because the time was up. -1: as long as it
 * takes. */
int compare_wait(struct session *s, int milliseconds, bool *ret);
/* The other side is some other program. */
int compare_fail_for_noise(void);

/* Appends what it found to c->result. The mode has the connections, and nothing is under way, before and after. */
int compare_measure(struct compare *c, struct session *s, enum mode mode);
