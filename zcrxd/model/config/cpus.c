/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See cpus.h.
 */
#include <errno.h>
#include <stddef.h>

#include "cpus.h"

/* Digits at **p, which moves behind them. */
static int read_cpu(const char **p, unsigned *ret)
{
	unsigned n = 0;

	if (**p < '0' || **p > '9')
		return -EINVAL;
	for (; **p >= '0' && **p <= '9'; ++*p) {
		n = n * 10 + (unsigned)(**p - '0');
		if (n >= CPUS_MAX)
			return -EINVAL;
	}
	*ret = n;
	return 0;
}

int cpus_parse(const char *list, struct cpus *ret)
{
	struct cpus cpus = {};
	unsigned first, last;

	for (const char *p = list;; p++) {
		if (read_cpu(&p, &first) < 0)
			return -EINVAL;
		last = first;
		if (*p == '-' && (p++, read_cpu(&p, &last) < 0 || last < first))
			return -EINVAL;
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
