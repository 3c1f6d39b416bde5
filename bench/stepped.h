/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ways to receive, each run an instruction at a time on rings whose kernel is this program: it
 * posts prepared completions when the loop enters the ring, and takes back what lies on the refill
 * ring. Used by instructions.c.
 */
#pragma once

#include <stdint.h>

#include "queue.h"

#define STEP_ENTRIES	 256U /* of each ring, and buffers */
#define STEP_LENGTH	 4096U
#define STEP_CONNECTIONS 64U

/* What the loop and its kernel have between them. */
struct step_rings {
	unsigned int sq_head, sq_tail, sq_flags, cq_head, cq_tail, cq_flags, cq_overflow,
		array[STEP_ENTRIES];
	struct io_uring_sqe sqes[STEP_ENTRIES];
	struct zc_cqe cqes[STEP_ENTRIES];
	uint32_t rq_head, rq_tail;
	struct zc_rqe rqes[STEP_ENTRIES];
	uint64_t received; /* bytes, by the loop's own account */
	char area[STEP_ENTRIES * STEP_LENGTH] __attribute__((aligned(4096)));
};

/* How a loop is fed: so many completions whenever it enters the ring, of so many connections in
 * turn, or a run of each connection side by side in the area. */
struct step_feed {
	unsigned int connections, batch, run;
};

/* Receives for ever: it is left when everything was counted. */
typedef void (*step_loop)(struct step_rings *rings, unsigned int connections);

/* loops.c */
void loop_liburing(struct step_rings *rings, unsigned int connections);
void loop_pool(struct step_rings *rings, unsigned int connections);
void loop_queue(struct step_rings *rings, unsigned int connections);
void loop_joined(struct step_rings *rings, unsigned int connections);

/* step.c: instructions for each buffer, or negative errno. */
double step_count(step_loop loop, const struct step_feed *feed);
