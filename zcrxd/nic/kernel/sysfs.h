/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What only sysfs knows of a network device. Missing files are no errors.
 */
#pragma once

#include <stddef.h>

#include "irq-affinity.h"

/* "" if it has none, or one with a longer name than fits, or if this is another interface's name by now. */
void sysfs_driver(const char *ifname, unsigned ifindex, char *ret, size_t size);
int sysfs_numa_node(const char *ifname); /* -1 if it has none */
/* The CPUs that the interrupt a->irq may go to, as /proc/irq lists them; "" if that does not fit. */
void irq_read_affinity(struct irq_affinity *a);
