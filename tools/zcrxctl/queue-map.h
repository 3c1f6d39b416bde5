/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The picture of an interface's queues that `zcrxctl status` draws. Pure: an Interface and the
 * leases in, text out, never wider than 64 columns, or 40 where there is no more room.
 *
 *          0  1  2  3  4  5  6  7    8  9  10 11 12 13 14 15
 *      0   .  .  .  .  .  .  .  .    .  .  .  .  .  .  .  .
 *     16   a> a> b= -  -  -  -  -    -  -  -  -  -  -  !  -
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include <systemd/sd-json.h>

#include "text.h"

/* The letter by which the map shows a lease: its place in `leases` (array of Lease). '*' for one
 * that is not in there or beyond the alphabet. */
char queue_map_letter(sd_json_variant *leases, const char *lease_id);

void queue_map_write(FILE *f, sd_json_variant *interface, sd_json_variant *leases, const struct style *style);
