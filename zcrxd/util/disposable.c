/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See disposable.h.
 */
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "disposable.h"

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void disposable_begin(pid_t daemon, const char *name, int *fds, size_t n)
{
	unsigned first = STDERR_FILENO + 1;

	prctl(PR_SET_NAME, name);
	/* Not one of ours is left running if the daemon dies. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != daemon)
		_exit(0); /* it was dead before we said so */
	qsort(fds, n, sizeof(*fds), compare_fds);
	for (size_t i = 0; i < n; i++) {
		if (fds[i] < (int)first)
			continue;
		if ((unsigned)fds[i] > first)
			(void)close_range(first, (unsigned)fds[i] - 1, 0);
		first = (unsigned)fds[i] + 1;
	}
	(void)close_range(first, UINT_MAX, 0);
}
