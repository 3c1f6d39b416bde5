/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets of CPUs, from the lists that the kernel writes: "0-3,8".
 */
#pragma once

#include <stdbool.h>

#define CPUS_MAX 8192 /* the most that any kernel is built for */
#define CPUS_PER_WORD (8 * sizeof(unsigned long))

/* As the kernel lays it out. */
struct cpus {
	unsigned long words[CPUS_MAX / CPUS_PER_WORD];
};

/* -EINVAL unless it is a list of at least one CPU: no blanks, no open ranges, no steps. */
int cpus_parse(const char *list, struct cpus *ret);
bool cpus_contain(const struct cpus *all, const struct cpus *some);
