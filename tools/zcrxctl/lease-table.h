/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases as a table, for `status`, `leases` and `lease`. Pure: the clock and the user database are
 * arguments.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include <systemd/sd-json.h>

#include "text.h"

struct lease_view {
	uint64_t now_usec;
	char *(*user_name)(uid_t uid); /* NULL: none known; the caller frees it */
	bool brief;		       /* beside a queue map: its letters, and what fits */
	struct style style;
};

/* `leases` is an array of Lease. */
int lease_table_write(FILE *f, sd_json_variant *leases, const struct lease_view *view);

/* How many flows of a Lease others' rules take; the FlowTarget of the first, if there is one. */
unsigned taken_count(sd_json_variant *lease, sd_json_variant **ret_first);

/* "12-15,20": an array of queue numbers in its order. NULL: out of memory. */
char *queues_format(sd_json_variant *queues);

/* A Flow in the notation of flow-spec.h, as the daemon gave it: unescaped. NULL: out of memory. */
char *flow_object_format(sd_json_variant *flow);
