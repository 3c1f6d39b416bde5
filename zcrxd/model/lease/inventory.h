/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which carved-out queue of one interface is whose. A queue has at most one holder, and one that is
 * in an unknown state is never leased again by accident.
 */
#pragma once

#include "fault.h"
#include "plan.h"
#include "types.h"

struct inventory_queue {
	uint32_t lease;	   /* id of the holder, 0 for none */
	char *quarantine;  /* why it is withheld, NULL if it is not */
};

struct inventory {
	struct carve_out carve_out;
	struct inventory_queue *queues; /* zero_copy_count of them, from zero_copy_first up */
};

void inventory_init(struct inventory *i);
void inventory_done(struct inventory *i);

/* A new carve-out. -EBUSY and no change if a held queue would fall outside; what is withheld does not
 * matter there. */
int inventory_resize(struct inventory *i, const struct carve_out *c);
/* Those that a new lease may get. */
unsigned inventory_free_count(const struct inventory *i);
/* The lowest free ones, marked as held by `lease`. False and no change if there are too few. */
bool inventory_reserve(struct inventory *i, uint32_t lease, unsigned n, uint32_t *ret_queues);
/* NO_QUEUE_AVAILABLE: so many were asked for, and why there are not; `more` may say more, or be "". */
int inventory_refuse(const struct inventory *i, const char *interface, unsigned asked,
		     const char *more, struct fault *reterr);
/* Marks one particular queue; -EBUSY if somebody else has it, -ERANGE if it is not carved out. */
int inventory_take_queue(struct inventory *i, uint32_t lease, uint32_t queue);
/* Gives back every queue of the lease. */
void inventory_release(struct inventory *i, uint32_t lease);
/* Withhold a queue; the holder is forgotten. -ENOMEM. */
int inventory_quarantine(struct inventory *i, uint32_t queue, const char *reason);
void inventory_clear_quarantine(struct inventory *i, uint32_t queue);
/* NULL if the queue is not carved out. */
const struct inventory_queue *inventory_get(const struct inventory *i, uint32_t queue);
