/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One question to nss; see accounts.h.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "accounts.h"

#define BUFFER_FIRST (4 * 1024)
#define BUFFER_MAX   (4 * 1024 * 1024) /* for groups with all their members */

static int find(enum account_kind kind, const char *name, char *buffer, size_t size, uint32_t *ret)
{
	struct passwd user, *p = NULL;
	struct group group, *g = NULL;
	int r;

	if (kind == ACCOUNT_USER)
		r = getpwnam_r(name, &user, buffer, size, &p);
	else
		r = getgrnam_r(name, &group, buffer, size, &g);
	if (p)
		*ret = p->pw_uid;
	else if (g)
		*ret = g->gr_gid;
	else if (r == 0)
		return -ENOENT;
	return -r;
}

int account_find(enum account_kind kind, const char *name, uint32_t *ret)
{
	int r = -ERANGE;

	for (size_t size = BUFFER_FIRST; r == -ERANGE && size <= BUFFER_MAX; size *= 4) {
		_cleanup_free_ char *buffer = malloc(size);

		r = buffer ? find(kind, name, buffer, size, ret) : -ENOMEM;
	}
	/* As getpwnam(3) has it: these, too, are said where there is no such account. */
	return r == -ESRCH || r == -EBADF || r == -EPERM ? -ENOENT : r;
}
