/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `zcrxperf serve --iperf3`: the server of an iperf3 client. Gives an exit status. */
#pragma once

#include "options.h"

int iperf3_serve(const struct options *o);
