/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which NUMA node an interface is on, and memory from there: the NIC's writes and the program's reads cross
 * the machine otherwise. By the system call itself, which libc does not have.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "pool.h"

#define NODES_MAX 1024

int numa_node_of(const char *interface)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[128];
	int node;

	/* -1: it is on none, as in a machine with one only; or this is a container without its sysfs. */
	snprintf(path, sizeof(path), "/sys/class/net/%s/device/numa_node", interface);
	f = fopen(path, "re");
	return f && fscanf(f, "%d", &node) == 1 && node < NODES_MAX ? node : -1;
}

/* Of a shared mapping the policy is the file's: it counts for whatever fills the pages. */
int numa_prefer(void *data, size_t size, int node)
{
	enum { BITS = 8 * sizeof(unsigned long) };
	unsigned long mask[NODES_MAX / BITS] = {};

	mask[node / BITS] = 1UL << node % BITS;
	return syscall(SYS_mbind, data, size, MPOL_PREFERRED, mask, (unsigned long)NODES_MAX + 1, 0) < 0 ? -errno
													 : 0;
}
