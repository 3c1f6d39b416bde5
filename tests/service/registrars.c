/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The registration processes of a daemon, as /proc shows them. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"

bool is_registrar(pid_t pid, pid_t parent)
{
	char path[64], text[256] = "", name[64], condition;
	_cleanup_close_ int fd = -EBADF;
	int its_parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 &&
	       sscanf(text, "%*d (%63[^)]) %c %d", name, &condition, &its_parent) == 3 &&
	       (parent == 0 || its_parent == parent) &&
	       streq(name, "zcrxd-registrar") && condition != 'Z' && condition != 'X';
}

pid_t registrar_of(pid_t parent)
{
	DIR *proc = opendir("/proc");
	pid_t found = 0;

	assert_non_null(proc);
	for (const struct dirent *e; (e = readdir(proc));)
		if (isdigit((unsigned char)e->d_name[0]) && is_registrar(atoi(e->d_name), parent))
			found = found == 0 ? atoi(e->d_name) : -1;
	closedir(proc);
	return found;
}
