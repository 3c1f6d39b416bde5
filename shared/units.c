/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See units.h.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "macro.h"
#include "units.h"

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

/* Not KB, which is 1000 bytes to some. */
static int find_shift(const char *unit)
{
	static const char letters[] = "KMGT";
	const char *letter = *unit ? strchr(letters, *unit) : NULL;

	if (!*unit)
		return 0;
	if (!letter || (unit[1] && !streq(unit + 1, "i") && !streq(unit + 1, "iB")))
		return -EINVAL;
	return 10 * (int)(letter - letters + 1);
}

char *format_size(uint64_t bytes)
{
	static const char *const suffixes[] = { "", "K", "M", "G", "T", "P" };
	uint64_t divisor = 1, tenths;
	char *text;
	size_t i = 0;
	int r;

	for (; i < ARRAY_SIZE(suffixes) - 1 && bytes / divisor >= 1024; i++)
		divisor *= 1024;
	tenths = bytes % divisor * 10 / divisor;
	if (tenths > 0 && bytes / divisor < 100)
		r = asprintf(&text, "%" PRIu64 ".%" PRIu64 "%s", bytes / divisor, tenths, suffixes[i]);
	else
		r = asprintf(&text, "%" PRIu64 "%s", bytes / divisor, suffixes[i]);
	return r < 0 ? NULL : text;
}

int parse_size(const char *s, uint64_t *ret)
{
	uint64_t v;
	int r, shift;

	r = take_number(&s, &v);
	if (r < 0)
		return r;
	shift = find_shift(s);
	if (shift < 0)
		return shift;
	if (__builtin_mul_overflow(v, UINT64_C(1) << shift, &v))
		return -ERANGE;
	*ret = v;
	return 0;
}

static const struct {
	const char *names; /* each with a blank behind it */
	uint64_t usec;
} units[] = {
	{ "us usec \302\265s \316\274s ", 1 },
	{ "ms msec ", 1000 },
	{ "s sec second seconds ", 1000000 },
	{ "m min minute minutes ", 60000000 },
	{ "h hr hour hours ", 3600000000 },
	{ "d day days ", 86400000000 },
	{ "w week weeks ", 604800000000 },
};

static bool lists(const char *names, const char *name, size_t n)
{
	for (const char *s = names; *s; s += strcspn(s, " ") + 1)
		if (strcspn(s, " ") == n && memcmp(s, name, n) == 0)
			return true;
	return false;
}

/* What stands in front of the next digit or blank. */
static int take_unit(const char **s, uint64_t *ret)
{
	size_t n = strcspn(*s, "0123456789 ");

	for (size_t i = 0; n > 0 && i < ARRAY_SIZE(units); i++)
		if (lists(units[i].names, *s, n)) {
			*s += n;
			*ret = units[i].usec;
			return 0;
		}
	return -EINVAL;
}

int parse_span(const char *s, uint64_t *ret)
{
	uint64_t sum = 0, v, unit = 1000000;
	bool bare = *s && s[strspn(s, "0123456789")] == '\0';
	int r;

	s += strspn(s, " ");
	if (!*s)
		return -EINVAL;
	while (*s) {
		r = take_number(&s, &v);
		if (r < 0)
			return r;
		s += strspn(s, " ");
		if (!bare && take_unit(&s, &unit) < 0)
			return -EINVAL;
		if (__builtin_mul_overflow(v, unit, &v) || __builtin_add_overflow(sum, v, &sum) ||
		    sum > INT64_MAX)
			return -ERANGE;
		s += strspn(s, " ");
	}
	*ret = sum;
	return 0;
}
