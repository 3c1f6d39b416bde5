/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The leases as text, for the state file: the running daemon's to text, text to a struct record. What
 * cannot be understood whole is refused whole.
 */
#pragma once

#include <systemd/sd-json.h>

#include "manager.h"
#include "recovery.h"

/* Bump when a field changes its meaning; a daemon reads its own version only. */
#define RECORD_VERSION 2

struct lease;

/* What was made of a lease is kept with it and taken as it is, until it is forgotten here: what a
 * save takes does not grow with the building of all leases for the change of one. */
void record_forget(struct lease *l);
/* Makes it, if there is none: l->record. */
int record_format_lease(struct lease *l);
int record_parse_lease(const char *text, struct record_lease *ret);
int record_format(struct manager *m, char **ret);
/* -EBADMSG if a field is missing, of another type or out of range. */
int record_parse(sd_json_variant *v, struct record *ret);
