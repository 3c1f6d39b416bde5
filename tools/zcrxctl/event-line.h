/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An Event as a line of text. Pure but for the time zone.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include <systemd/sd-json.h>

/* `who`: whose lease it is about, in words; may be NULL. */
void event_write(FILE *f, sd_json_variant *event, const char *who, bool colour);
