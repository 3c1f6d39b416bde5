/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See where.h.
 */
#include <stdio.h>
#include <string.h>

#include "where.h"

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : NULL;
}

static bool is_in(uid_t uid, unsigned long long first, unsigned long long n)
{
	return uid >= first && uid - first < n;
}

/* NAME:FIRST:COUNT */
static bool is_subordinate(const char *subuid, uid_t uid)
{
	unsigned long long first, n;

	for (const char *line = subuid; line; line = next_line(line)) {
		size_t length = strcspn(line, ":\n");

		if (line[length] == ':' && sscanf(line + length, ":%10llu:%10llu", &first, &n) == 2 &&
		    is_in(uid, first, n))
			return true;
	}
	return false;
}

bool where_is_given_out(const char *uid_map, const char *subuid, uid_t uid)
{
	unsigned long long inside, outside, n;

	for (const char *line = uid_map; line; line = next_line(line))
		if (sscanf(line, "%10llu %10llu %10llu", &inside, &outside, &n) == 3 &&
		    is_in(uid, outside, n))
			return n > 1 || is_subordinate(subuid, uid);
	return true;
}

unsigned where_process_level(const char *fdinfo)
{
	static const char key[] = "NSpid:";
	unsigned level = 0;
	int pid, n;

	for (const char *line = fdinfo; line; line = next_line(line)) {
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		for (line += strlen(key); *line && *line != '\n'; line += n) {
			if (sscanf(line, "%10d%n", &pid, &n) != 1 || pid <= 0)
				return 0;
			level++;
		}
		return level;
	}
	return 0;
}
