/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small files under /sys/class/net; see sysfs.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdbool.h>

#include "macro.h"
#include "sysfs.h"

/* The directory stays the interface's, whatever that is called; the name only led there. */
static int open_interface(const char *ifname, unsigned ifindex)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int dir = -EBADF, fd = -EBADF;
	char text[16] = "";

	if (asprintf(&path, "/sys/class/net/%s", ifname) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	dir = open(path, O_DIRECTORY | O_PATH | O_CLOEXEC);
	if (dir >= 0)
		fd = openat(dir, "ifindex", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -ENODEV;
	return strtoul(text, NULL, 10) == ifindex ? TAKE_FD(dir) : -ESTALE;
}

void sysfs_driver(const char *ifname, unsigned ifindex, char *ret, size_t size)
{
	_cleanup_close_ int dir = open_interface(ifname, ifindex);
	char target[PATH_MAX];
	const char *base;
	ssize_t n;

	ret[0] = '\0';
	n = dir >= 0 ? readlinkat(dir, "device/driver", target, sizeof(target) - 1) : -1;
	if (n < 0)
		return;
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	if (strlen(base) < size)
		strcpy(ret, base);
}

int sysfs_numa_node(const char *ifname)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	int node = -1;

	if (asprintf(&path, "/sys/class/net/%s/device/numa_node", ifname) < 0) {
		path = NULL;
		return -1;
	}
	f = fopen(path, "re");
	if (!f || fscanf(f, "%d", &node) != 1 || node < 0)
		return -1;
	return node;
}

void irq_read_affinity(struct irq_affinity *a)
{
	char path[64], line[CPU_LIST_MAX + 1]; /* with its newline */
	_cleanup_fclose_ FILE *f = NULL;
	size_t n;

	a->cpus[0] = '\0';
	snprintf(path, sizeof(path), "/proc/irq/%u/smp_affinity_list", a->irq);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f))
		return;
	n = strcspn(line, "\n");
	if (line[n] != '\n')
		return;
	line[n] = '\0';
	strcpy(a->cpus, line);
}
