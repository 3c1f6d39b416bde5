/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Has RSS lead where it should while these queues are held (rss_wanted), and waits until the queues from which it was
 * taken away are quiet: what was on its way to them has arrived.
 */
#pragma once

#include "nic.h"

/* `state` as it was observed just now. *ret_change: what was done, in words, to be freed; NULL if nothing was to be.
 * FLOW_CONFLICT if packets go on arriving: then it leads there as before. */
int nic_serve(struct nic *nic, const struct nic_state *state, const struct carve_out *c, const struct busy_queues *held,
	      char **ret_change, struct fault *reterr);
