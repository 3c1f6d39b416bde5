/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The questions to nss; see look.h.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "look.h"
#include "macro.h"

#define BUFFER_FIRST (4 * 1024)
#define BUFFER_MAX   (4 * 1024 * 1024) /* for groups with all their members */

/* As getpwnam(3) has it: these, too, are said where there is no such account. */
static bool is_unknown(int r)
{
	return r == -ENOENT || r == -ESRCH || r == -EBADF || r == -EPERM;
}

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
	return is_unknown(r) ? -ENOENT : r;
}

/* -------------------------------------------------------------------- the groups of a user */

#define GROUPS_FIRST 64
#define GROUPS_MAX   65536 /* the kernel's NGROUPS_MAX */

static int list_groups(const char *name, struct membership *m)
{
	int n = GROUPS_FIRST, size;

	do {
		gid_t *grown = reallocarray(m->groups, (size_t)n, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		m->groups = grown;
		size = n;
		if (getgrouplist(name, m->gid, m->groups, &n) >= 0) {
			m->n_groups = (size_t)n;
			return 0;
		}
	} while (n > size && n <= GROUPS_MAX);
	return -E2BIG;
}

static int find_user(struct membership *m, char *buffer, size_t size)
{
	struct passwd user, *p = NULL;
	int r = getpwuid_r(m->uid, &user, buffer, size, &p);

	if (!p)
		return r == 0 ? -ENOENT : -r;
	m->gid = p->pw_gid;
	return list_groups(p->pw_name, m);
}

void account_find_groups(struct membership *m)
{
	int r = -ERANGE;

	m->gid = (gid_t)-1;
	for (size_t size = BUFFER_FIRST; r == -ERANGE && size <= BUFFER_MAX; size *= 4) {
		_cleanup_free_ char *buffer = malloc(size);

		r = buffer ? find_user(m, buffer, size) : -ENOMEM;
	}
	m->r = is_unknown(r) ? -ENOENT : r;
}
