/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See cpus.h.
 */
#include <errno.h>
#include <stddef.h>

#include "cpus.h"

/* Digits at **p, which moves behind them. -ERANGE: no machine has that CPU. */
static int read_cpu(const char **p, unsigned *ret)
{
	unsigned n = 0;

	if (**p < '0' || **p > '9')
		return -EINVAL;
	for (; **p >= '0' && **p <= '9'; ++*p) {
		n = n * 10 + (unsigned)(**p - '0');
		if (n >= CPUS_MAX)
			return -ERANGE;
	}
	*ret = n;
	return 0;
}

int cpus_parse(const char *list, struct cpus *ret)
{
	struct cpus cpus = {};
	unsigned first, last;
	int r;

	for (const char *p = list;; p++) {
		r = read_cpu(&p, &first);
		last = first;
		if (r == 0 && *p == '-') {
			p++;
			r = read_cpu(&p, &last);
		}
		if (r < 0 || last < first)
			return r < 0 ? r : -EINVAL;
		for (unsigned i = first; i <= last; i++)
			cpus.words[i / CPUS_PER_WORD] |= 1UL << i % CPUS_PER_WORD;
		if (*p == '\0')
			break;
		if (*p != ',')
			return -EINVAL;
	}
	*ret = cpus;
	return 0;
}

bool cpus_contain(const struct cpus *all, const struct cpus *some)
{
	for (size_t i = 0; i < CPUS_MAX / CPUS_PER_WORD; i++)
		if (some->words[i] & ~all->words[i])
			return false;
	return true;
}
