/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See names.h.
 */
#include <fnmatch.h>
#include <string.h>

#include "macro.h"
#include "names.h"

bool is_pattern(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

/* A name may hold what is special in a pattern; then it still means itself. */
bool pattern_matches(const char *pattern, const char *text)
{
	return streq(pattern, text) || fnmatch(pattern, text, 0) == 0;
}

typedef bool (*compare)(const char *wanted, const char *name);

static bool is_same(const char *wanted, const char *name)
{
	return streq(wanted, name);
}

static bool any_name(const struct interface_names *names, const char *wanted, compare matches)
{
	char one[INTERFACE_NAME_MAX + 1];

	if (matches(wanted, names->name))
		return true;
	for (const char *s = names->altnames; s && *s; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");

		if (n > 0 && n < sizeof(one)) {
			memcpy(one, s, n);
			one[n] = '\0';
			if (matches(wanted, one))
				return true;
		}
		s += n;
	}
	return false;
}

bool interface_is_called(const struct interface_names *names, const char *text)
{
	return any_name(names, text, is_same);
}

bool interface_is_meant(const struct interface_names *names, const char *pattern)
{
	return any_name(names, pattern, pattern_matches);
}
