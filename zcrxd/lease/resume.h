/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a start, when the device is attached.
 */
#pragma once

#include "leases.h"

/* The device is attached: rules that were lost are inserted, those that nobody was told of go, and
 * what is over is drained. */
void leases_resume(struct device *d);
