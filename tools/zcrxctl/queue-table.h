/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of each queue of an interface, one a line. Pure.
 */
#pragma once

#include <stdio.h>

#include "field.h"
#include "text.h"

/* `interface` of Describe. -ENOMEM only. */
int queue_table_write(FILE *f, sd_json_variant *interface, const struct style *style);
