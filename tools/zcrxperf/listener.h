/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The socket that zcrxperf listens on. Both give an exit status, and say what failed. */
#pragma once

#include "options.h"

/* Takes the port: nothing has been leased yet, so that nobody waits for a queue in vain. Nobody can connect. */
int listener_bind(const struct options *o, int *ret);
/* From now on one can. */
int listener_start(const struct options *o, int fd);
