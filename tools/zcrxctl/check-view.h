/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of `zcrxctl check`: what was found, by machine, interface and policy, and below it what to do. Pure.
 */
#pragma once

#include <stdio.h>

#include "field.h"
#include "text.h"

/* `report` is what zcrxd-check prints. -ENOMEM only. */
int check_write(FILE *f, sd_json_variant *report, const struct style *style);

/* Something that is needed is missing. Advice does not count, nor what is unknown. */
bool check_has_no(sd_json_variant *report);
