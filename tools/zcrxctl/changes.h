/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The three commands about the state of NICs share the shape of their call and its answer: an array
 * of Change, printed as a table.
 */
#pragma once

#include "call.h"

enum exit_status ctl_changes(const struct ctl *ctl, const char *method, const char *interface);
