/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl check --hardware: the life of a lease on a real NIC, step by step, as a text for those who make zcrxd.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "facts.h"

/* The NIC at one moment: facts, of which some are numbers. */
struct look {
	struct look_fact {
		char key[64];
		bool number;
		uint64_t value;
		char text[96];
	} *facts;
	size_t n;
	struct nic_state *state;
	bool failed; /* no memory */
};

int look_take(struct look *l, const char *interface, const struct machine_facts *m);
void look_done(struct look *l);
void look_print(FILE *out, const struct look *l);
/* What has changed; by how much, of numbers. */
void look_print_changes(FILE *out, const struct look *before, const struct look *after);

/* What the kernel says, from the time on that it is opened; negative errno if it may not be read. */
int kernel_log_open(void);
void kernel_log_print(FILE *out, int fd);

/* One step after the other. `ret_good`: all were done, and the NIC is as before. */
int live(FILE *out, const char *socket, const char *interface, const struct machine_facts *machine, bool *ret_good);

/* The report goes to standard output, what refuses it to standard error. 0: every step was done, and the NIC is as
 * before. Else 1, also after a report. */
int check_hardware(const char *socket, const char *interface, bool force);
