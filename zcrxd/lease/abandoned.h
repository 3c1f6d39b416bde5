/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases whose rings were all closed, as a worker's own look sees to them; see abandoned.c.
 */
#pragma once

#include "leases.h"

/* The rings that are watched of leases of one device. */
struct ring_look;

/* -EBUSY: some lease is on its way. */
int ring_look_new(const struct device *d, struct ring_look **ret);
struct ring_look *ring_look_free(struct ring_look *k); /* NULL is fine; returns NULL */
DEFINE_CLEANUP(struct ring_look *, ring_look_free)
/* On any thread: some lease has none of them any more. */
bool ring_look_is_news(struct ring_look *k);

/* On the loop: whichever they are. */
void leases_unbind_abandoned(struct leases *leases);
