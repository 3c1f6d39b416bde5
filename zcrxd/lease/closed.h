/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A driver that cannot restart a queue may close the whole interface (bnxt): whoever has failed to register
 * there looks, and says so.
 */
#pragma once

#include "leases.h"

/* If it is down by now, the journal and *fault say so before `done`. Negative errno: `done` is not called. */
int lease_look_closed(struct lease *l, uint32_t queue, struct fault *fault, void (*done)(void *userdata),
		      void *userdata);
