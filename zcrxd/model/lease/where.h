/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a uid is its process's own, or one that the maker of a user namespace has given it. Pure: of
 * what the kernel and /etc/subuid say.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Of a process in another user namespace. uid_map: /proc/PID/uid_map, as read on the host; an extent of one
 * uid is what a user may map without help, his own, or what newuidmap(1) maps for him, one of his
 * subordinates. Extents of more are always made with privileges, for others. True also if the uid is in no
 * extent. subuid: the text of /etc/subuid.
 */
bool where_is_given_out(const char *uid_map, const char *subuid, uid_t uid);

/* How many process namespaces below that of /proc a process is, by the line NSpid of its pidfd's
 * fdinfo; 0: there is no such process any more, or it is in none below that one. */
unsigned where_process_level(const char *fdinfo);
