/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the next daemon has to know of the leases: as values, and as the text of the record.
 */
#pragma once

#include "leases.h"

/* What was made of a lease is kept with it and taken as it is, until it is forgotten here: what a
 * save takes does not grow with the building of all leases for the change of one. */
void lease_forget_record(struct lease *l);
/* It is over, and is not to be on record any more. */
void lease_strike_record(struct lease *l);
/* Makes it, if there is none: l->record. */
int lease_format_record(struct lease *l);
/* Of all leases, and of what is left of those that are over. */
int leases_format_record(struct leases *leases, char **ret);
/* What has changed since they were saved. */
int leases_format_change(struct leases *leases, char **ret);
/* They have been. */
void leases_forget_change(struct leases *leases);
