/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-json.h>

#include "meter.h"

/* The intervals as an array; NULL: there were none. */
int meter_to_json(const struct meter *m, sd_json_variant **ret);
