/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Questions to nss, asked by a thread of their own that nobody joins. A look is an object that the loop and
 * its thread share: whoever is the last to need it frees it, so that a thread that nss never lets go of is
 * nobody's concern. Called by accounts.c and owner.c.
 */
#pragma once

#include "account.h"

/* What nss says of a uid. */
struct membership {
	uid_t uid;
	int r; /* 0; -ENOENT: there is no such user, and he is in no group; else it could not be told */
	gid_t gid, *groups;
	size_t n_groups;
};

struct look {
	_Atomic unsigned n_ref;
	int done_fd; /* an eventfd: readable when all is answered */
	struct account *list; /* whom the policy names */
	size_t n;
	bool of_user; /* `user`, too */
	struct membership user;
};

/* What is asked: whom this policy names. More may be added before it is started. */
int look_new(const struct config *c, struct look **ret);
int look_start(struct look *l);
void look_unref(struct look *l);

/* accounts-nss.c. 0; -ENOENT: there is no such account; else it cannot be told now. */
int account_find(enum account_kind kind, const char *name, uint32_t *ret);
/* Fills the rest; groups are the caller's to free. */
void account_find_groups(struct membership *m);
