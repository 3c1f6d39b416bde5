/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An interrupt and the CPUs that it may go to. It is also what zcrxd sends to zcrxd-irq, as one
 * message: make it so. The answer is an int: 0, or the kernel's errno.
 */
#pragma once

#include <stdint.h>

#define IRQ_SOCKET "/run/zcrxd-irq"

/* Bytes of a list of CPUs, with its end; a longer one is nobody's choice. */
#define CPU_LIST_MAX 256

struct irq_affinity {
	uint32_t irq;		 /* 0 if there is none, or it is not known */
	char cpus[CPU_LIST_MAX]; /* as the kernel writes it, "0-3,8"; "" if not known */
};
