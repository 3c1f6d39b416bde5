/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `zcrxperf send`: the other side, an ordinary TCP sender. Gives an exit status. */
#pragma once

#include "options.h"

int send_run(const struct options *o);
