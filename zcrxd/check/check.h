/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the command sees of this folder. It knows nothing of zcrxd's headers, which everything below
 * stands on.
 */
#pragma once

#include "checks.h"

/* Looks at the machine, and at one interface or all that matter. Negative errno. */
int check(const char *socket, const char *interface, struct report *ret);
