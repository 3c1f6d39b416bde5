/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `zcrxperf answer`: the other side of `zcrxperf compare`. Gives an exit status. */
#pragma once

#include "options.h"

int answer_run(const struct options *o);
