/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The users and groups that the policy names, as far as their numbers are known. Numbers that are written
 * as such, and root's, are known from the start; for the others somebody who can asks (server/accounts.c).
 */
#pragma once

#include "config.h"

struct account {
	enum account_kind kind;
	char *name;
	int r;	     /* of looking: 0 with `id`, -ENOENT: there is none, else it could not be told */
	uint32_t id;
};

/* Each once, without those whose number is written. The caller frees it. -ENOMEM. */
int config_list_accounts(const struct config *c, struct account **ret, size_t *ret_n);
void accounts_list_free(struct account *list, size_t n);

/* The rule names this account: its number is this now, or there is none. True if that is worth a word:
 * it is another than it was, or the first answer is that there is none. */
bool policy_rule_learn(struct policy_rule *rule, const struct account *a);
/* The numbers that another configuration knows for the same names. */
void config_take_accounts(struct config *c, const struct config *from);
