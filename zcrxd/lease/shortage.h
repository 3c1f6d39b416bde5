/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Queues whose packets find no buffer: what was counted is kept with the lease, and told.
 */
#pragma once

#include "leases.h"

/* Another ring is registered. */
void shortage_reset(struct lease *l, unsigned queue);
/* These queues of the device were looked at, of which some may be nobody's by now. */
void leases_note_supply(struct device *d, const uint32_t *queues, const struct nic_queue *counted, size_t n);
/* Some queue of it had nothing for what came in, when something came last. */
bool lease_is_failing(const struct lease *l);
/* Of the first queue that is short, in a sentence; NULL if none is. -ENOMEM. */
int lease_shortage_format(const struct lease *l, char **ret);

/* The first bound queue of the device whose area is too small for its ring, in a sentence, and how many more there are;
 * NULL if none is. -ENOMEM. */
int leases_small_area_format(const struct device *d, char **ret);
