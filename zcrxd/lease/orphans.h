/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What leases had on a NIC that went: rules and RSS contexts. One that was unplugged is as new when it
 * comes back; one that was in another network namespace has them still, and they would lead to queues
 * that are nobody's, or somebody else's by then. So each stays on record, as the lease was, and is
 * removed as soon as the hardware is here again. Leases of a record that was set aside are treated alike.
 *
 * And RSS contexts that a driver has lost: the kernel lists them until that is loaded anew, nobody can delete them,
 * and whoever does not know takes them for somebody's who leads traffic to their queues. Each is on record, as a
 * lease without rules, for as long as an attempt to delete it says so.
 */
#pragma once

#include "device.h"
#include "recovery.h"

#define ORPHANS_MAX                                                                                \
	1024 /* the oldest go then: of a NIC that does not come back they are for nothing */

struct orphan {
	TAILQ_ENTRY(orphan) entry;
	char *text; /* the lease, as the record has it */
};

/* Its interface is gone, it is about to end: to be noted before anything of it is forgotten. */
void orphan_record(struct lease *l);
/* One of its contexts is lost. */
void orphan_context(struct lease *l, uint32_t context);
/* On record, of an interface that is not there. */
void orphan_adopt(struct leases *leases, const struct record_lease *saved);
/* It is there: its worker removes what is exactly ours before it does anything else. */
void orphans_remove(struct device *d);
void orphans_free(struct leases *leases);
