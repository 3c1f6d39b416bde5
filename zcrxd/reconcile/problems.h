/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is wrong with zcrxd itself, beside what its interfaces, queues and leases say of themselves: told by
 * Describe and by STATUS=, for who never reads the journal.
 */
#pragma once

#include <systemd/sd-json.h>

#include "devices.h"

#define PROBLEM_PTRACE                                                                             \
	"sysctl kernel.yama.ptrace_scope is 3, which keeps zcrxd from the rings of its clients: no "   \
	"queue can be registered. Only a reboot can change it."

/* An array of sentences; empty if nothing is wrong. */
int problems_list(struct devices *devices, sd_json_variant **ret);

/* STATUS= for systemctl status. */
void status_update(struct devices *devices);
/* Once a second at most: what changes with each lease. systemd passes all that it hears on, and leases are
 * counted. */
void status_update_soon(struct devices *devices);
