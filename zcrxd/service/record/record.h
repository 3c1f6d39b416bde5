/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The leases as text, for the state file: the running daemon's to text (record.c), text to a struct
 * record (record-read.c). One lease that cannot be understood does not condemn the others.
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
/*
 * -EBADMSG if it is no record. A lease of which only a part can be understood is `damaged`, and for
 * nothing but to be reclaimed; one whose id, interface or queues cannot be used, or are another's, is
 * dropped with a line in the journal.
 */
int record_parse(sd_json_variant *v, struct record *ret);
/*
 * Of a record that is not to be obeyed: the leases that can still be made out in it, as strays. Nobody
 * has them any more; what is exactly theirs in the kernel can be told from what is foreign, and goes.
 */
int record_salvage(const char *text, struct record *ret);
