/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths in the unified hierarchy of control groups, and the patterns of the policy for them. Pure.
 */
#pragma once

#include <stdbool.h>

#define CONTROL_GROUP_MOST 4095 /* bytes of a path: the kernel's PATH_MAX */

/* "/machine.slice/libpod-*": names from the root on, none of them empty, "." or "..". */
bool control_group_is_pattern(const char *text);
/* The path is of a group that the pattern matches, name by name, or is below such a group. A * never stands for
 * several names: whoever may make groups below his own would choose them. */
bool control_group_is_in(const char *path, const char *pattern);
/* Of the text of /proc/PID/cgroup, the path in the unified hierarchy. *ret is NULL if that has none. -ENOMEM. */
int control_group_parse(const char *text, char **ret);
/* For people and JSON: a group's maker may choose any bytes. -ENOMEM. */
int control_group_show(const char *path, char **ret);
