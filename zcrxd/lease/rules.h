/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules of a lease's flows: inserted and removed on the worker, each read back.
 */
#pragma once

#include "flows.h"

typedef void (*flows_done)(struct lease *lease, int r, struct fault *fault,
			   const struct flow_list *added, void *userdata);
/* Inserts the rules of these FLOW_PENDING flows: all of them or none; then none is noted. -EAGAIN:
 * how to reach all queues is not decided yet. */
int lease_flows_install(struct lease *l, const struct flow_list *list, flows_done done,
			void *userdata);
/* Those that wait for this queue, or for all. */
int lease_flows_install_pending(struct lease *l, unsigned queue);
/* Takes the rules away and forgets the flows, but for those that are `lifted`: they are FLOW_PENDING then. */
int lease_flows_remove(struct lease *l, const struct flow_list *list, flows_done done,
		       void *userdata);
