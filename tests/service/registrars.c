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

/* What it is doing, as proc_pid_stat(5) has it; 0 if it is not such a process. */
static char condition_of(pid_t pid, const char *wanted, pid_t parent)
{
	char path[64], text[256] = "", name[64], condition;
	_cleanup_close_ int fd = -EBADF;
	int its_parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 ||
	    sscanf(text, "%*d (%63[^)]) %c %d", name, &condition, &its_parent) != 3 || !streq(name, wanted) ||
	    (parent != 0 && its_parent != parent))
		return 0;
	return condition == 'Z' || condition == 'X' ? 0 : condition;
}

static pid_t find(const char *name, pid_t parent)
{
	DIR *proc = opendir("/proc");
	pid_t found = 0;

	assert_non_null(proc);
	for (const struct dirent *e; (e = readdir(proc));)
		if (isdigit((unsigned char)e->d_name[0]) && condition_of(atoi(e->d_name), name, parent) != 0)
			found = found == 0 ? atoi(e->d_name) : -1;
	closedir(proc);
	return found;
}

bool is_registrar(pid_t pid, pid_t parent)
{
	return condition_of(pid, "zcrxd-registrar", parent) != 0;
}

pid_t registrar_of(pid_t parent)
{
	return find("zcrxd-registrar", parent);
}

pid_t first_registrar_of(pid_t parent)
{
	return find("zcrxd-first", parent);
}

bool first_registrar_rests(pid_t parent)
{
	return condition_of(first_registrar_of(parent), "zcrxd-first", parent) == 'S';
}
