/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes and times as people write them. Used by the configuration and by the commands' options;
 * knows nothing of either.
 */
#include <ctype.h>

#include "config.h"

/* Digits only: no sign, no space, no octal. *s is left behind them. */
static int take_number(const char **s, uint64_t *ret)
{
	uint64_t v = 0;
	const char *p = *s;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -ERANGE;
	*s = p;
	*ret = v;
	return 0;
}

int parse_size(const char *s, uint64_t *ret)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	uint64_t v;
	int r;

	r = take_number(&s, &v);
	if (r < 0)
		return r;
	if (*s) {
		suffix = strchr(suffixes, *s);
		if (!suffix || s[1])
			return -EINVAL;
		if (__builtin_mul_overflow(v, UINT64_C(1024) << (10 * (suffix - suffixes)), &v))
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

static int take_unit(const char **s, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t usec;
	} units[] = {
		{ "us", 1 },	       { "ms", 1000 },	    { "s", 1000000 },
		{ "min", 60000000 },   { "h", 3600000000 }, { "d", 86400000000 },
		{ "w", 604800000000 },
	};
	size_t n = 0;

	while (isalpha((unsigned char)(*s)[n]))
		n++;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].name) == n && !strncmp(units[i].name, *s, n)) {
			*s += n;
			*ret = units[i].usec;
			return 0;
		}
	return -EINVAL;
}

int parse_time(const char *s, uint64_t *ret)
{
	uint64_t total = 0, v, unit;
	const char *start = s;
	int r;

	do {
		bool first = s == start;

		r = take_number(&s, &v);
		if (r < 0)
			return r;
		if (first && !*s)
			unit = 1000000;
		else if (take_unit(&s, &unit) < 0)
			return -EINVAL;
		if (__builtin_mul_overflow(v, unit, &v) || __builtin_add_overflow(total, v, &total))
			return -ERANGE;
	} while (*s);
	*ret = total;
	return 0;
}
