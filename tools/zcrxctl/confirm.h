/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was applied for a try: asking whether it is to stay, and telling zcrxd. Whatever becomes of
 * this process, zcrxd puts it back if it hears nothing in time.
 */
#pragma once

#include "call.h"

/* Confirm, for one interface or (NULL) all; keep false: put it back now. */
enum exit_status ctl_confirm(const struct ctl *ctl, const char *interface, bool keep);

/* Asks on the terminal until then (realtime): Enter keeps it, an interrupt puts it back. Without a
 * terminal, says what to do. `status` is that of the apply: it stays the worst. */
enum exit_status ctl_await_confirmation(const struct ctl *ctl, const char *interface, uint64_t until,
					enum exit_status status);
