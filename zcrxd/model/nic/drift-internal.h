/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What drift.c (ways that are others', settings) and drift-own.c (what leases have in the NIC) share.
 */
#pragma once

#include "drift.h"
#include "memstream.h"

/* `text` is taken over, and NULL if there was no memory for it. */
int drift_add(struct drift *d, const struct drift_expected *e, enum drift_kind kind, char *text,
	      struct deviation **ret);
/* What is different by value is another deviation. */
void drift_mix(struct deviation *v, const void *value, size_t size);
bool drift_affects(const struct drift *d, size_t queue); /* of expected->queues */

/* "queue 5", "queues 4, 5 and 7", "queues 4, 5, 6, 7, 8, 9 and 54 more". */
int drift_format_queues(const uint32_t *queues, size_t n, char **ret);

/* Rules and contexts of leases that are gone, and rules that do not get what they are for. */
int drift_find_own(const struct nic_state *s, const struct drift_expected *e, struct drift *d);
