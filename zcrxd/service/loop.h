/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event loop.
 */
#pragma once

#include <systemd/sd-event.h>

/* Until sd_event_exit(), whose code it returns. */
int loop_run(sd_event *event);
