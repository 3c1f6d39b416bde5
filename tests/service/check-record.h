/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is written is readable: text is the record of what the manager has, to the last flow.
 */
#pragma once

#include "leases.h"

/* Aborts if it is not. */
void check_record(struct leases *leases, const char *text);
