/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows that name no queue of a lease that has several: by an RSS context, or one queue each.
 */
#pragma once

#include "flows.h"
#include "leases.h"

bool lease_is_all_bound(const struct lease *l);
/* It has several queues, all of them are ready, and it is not decided yet. */
bool lease_needs_rss(const struct lease *l);
/* It is decided: flows over all queues can be installed. */
bool lease_has_rss(const struct lease *l);
/* Decides. `done` is called once, unless this fails. */
typedef void (*rss_done)(struct lease *lease, void *userdata);
int lease_setup_rss(struct lease *l, rss_done done, void *userdata);
/* What came of inserting rules, which may tell that the driver has lost the lease's context. */
void lease_check_context(struct lease *l, const struct flow_list *list, int r, const struct fault *fault);
/* Where its rule is to lead. */
void lease_flow_set_target(const struct lease *l, struct lease_flow *f);
