/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From bound back to reserved: the rings of a lease were all closed while the lease goes on; see unbind.c.
 */
#pragma once

#include "leases.h"

/* The lease may be ending by now, or the kernel not be done with its queues. */
typedef void (*unbind_done)(struct lease *l, void *userdata);

/* Looks once a second, as long as there is an ifq whose ring is watched. */
int leases_watch_rings(struct leases *leases);
/* It has ifqs, and no ring of any of them is there any more. Cheap. */
bool lease_is_abandoned(struct lease *l);
/* One of its queues has no ring any more, but its ifq, which Share can put on another ring. */
bool lease_can_be_taken_over(struct lease *l, unsigned queue);
/* Has its queues taken back if it is abandoned; `done`, which may be NULL, is called exactly once unless
 * a negative errno is returned. */
int lease_unbind(struct lease *l, unbind_done done, void *userdata);
/* Its queues are being taken back: nothing may be steered to them. */
bool lease_is_unbinding(const struct lease *l);
/* No operation of the lease is left, or its end has begun. */
void lease_unbind_go_on(struct lease *l);
/* Who waits hears that it is over. */
void lease_unbind_end(struct lease *l);
