/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See control-group.h.
 */
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>

#include "control-group.h"
#include "macro.h"

bool control_group_is_pattern(const char *text)
{
	if (*text != '/')
		return false;
	while (*text == '/') {
		const char *name = ++text;
		size_t n = strcspn(name, "/");

		if (n == 0 || (n <= 2 && strncmp(name, "..", n) == 0))
			return false;
		text += n;
	}
	return true;
}

/* Where the name of which this is the slash ends. */
static const char *name_end(const char *slash)
{
	return slash + 1 + strcspn(slash + 1, "/");
}

/* systemd's escapes in names, such as \x2d, mean themselves. */
static bool name_matches(const char *name, const char *end, const char *pattern, const char *pattern_end)
{
	char text[NAME_MAX + 1], wanted[CONTROL_GROUP_MOST + 1];
	size_t n = (size_t)(end - name), n_wanted = (size_t)(pattern_end - pattern);

	if (n >= sizeof(text) || n_wanted >= sizeof(wanted))
		return false;
	*(char *)mempcpy(text, name, n) = '\0';
	*(char *)mempcpy(wanted, pattern, n_wanted) = '\0';
	return streq(text, wanted) || fnmatch(wanted, text, FNM_NOESCAPE) == 0;
}

bool control_group_is_in(const char *path, const char *pattern)
{
	while (*pattern == '/') {
		const char *end = name_end(pattern), *path_end;

		if (*path != '/' || path[1] == '\0')
			return false;
		path_end = name_end(path);
		if (!name_matches(path + 1, path_end, pattern + 1, end))
			return false;
		pattern = end;
		path = path_end;
	}
	return true;
}

int control_group_parse(const char *text, char **ret)
{
	static const char key[] = "0::";
	const char *line = text;

	*ret = NULL;
	while (*line && strncmp(line, key, strlen(key)) != 0) {
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	line += *line ? strlen(key) : 0;
	if (*line != '/')
		return 0;
	*ret = strndup(line, strcspn(line, "\n"));
	return *ret ? 0 : -ENOMEM;
}

int control_group_show(const char *path, char **ret)
{
	char *s = strdup(path);

	if (!s)
		return -ENOMEM;
	for (char *c = s; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	*ret = s;
	return 0;
}
