/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See loop.h.
 */
#include "loop.h"

int loop_run(sd_event *event)
{
	return sd_event_loop(event);
}
