/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See account.h.
 */
#include <errno.h>

#include "account.h"

static struct policy_number *number_of(struct policy_rule *rule, enum account_kind kind)
{
	return kind == ACCOUNT_USER ? &rule->user_number : &rule->group_number;
}

static const char *name_of(const struct policy_rule *rule, enum account_kind kind)
{
	return kind == ACCOUNT_USER ? rule->user : rule->group;
}

static bool is_looked_up(const struct policy_rule *rule, enum account_kind kind)
{
	const struct policy_number *n = kind == ACCOUNT_USER ? &rule->user_number : &rule->group_number;

	return name_of(rule, kind) && !n->fixed;
}

void accounts_list_free(struct account *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].name);
	free(list);
}

static bool is_listed(const struct account *list, size_t n, enum account_kind kind, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].kind == kind && streq(list[i].name, name))
			return true;
	return false;
}

int config_list_accounts(const struct config *c, struct account **ret, size_t *ret_n)
{
	struct account *list = calloc(2 * c->n_policy + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_policy; i++)
		for (enum account_kind kind = 0; kind < _ACCOUNT_KIND_MAX; kind++) {
			const char *name = name_of(&c->policy[i], kind);

			if (!is_looked_up(&c->policy[i], kind) || is_listed(list, n, kind, name))
				continue;
			list[n] = (struct account){ .kind = kind, .name = strdup(name), .r = -EAGAIN };
			if (!list[n].name) {
				accounts_list_free(list, n);
				return -ENOMEM;
			}
			n++;
		}
	*ret = list;
	*ret_n = n;
	return 0;
}

bool policy_rule_learn(struct policy_rule *rule, const struct account *a)
{
	struct policy_number *number = number_of(rule, a->kind), before = *number;

	if (!is_looked_up(rule, a->kind) || !streq(name_of(rule, a->kind), a->name))
		return false;
	number->asked = true;
	if (a->r == 0 || a->r == -ENOENT) {
		number->known = a->r == 0;
		number->id = a->r == 0 ? a->id : 0;
	}
	if (!before.asked)
		return a->r != 0;
	return before.known != number->known || before.id != number->id;
}

static void take_number(struct policy_rule *rule, enum account_kind kind, const struct config *from)
{
	for (size_t i = 0; i < from->n_policy; i++) {
		const struct policy_rule *old = &from->policy[i];

		if (is_looked_up(old, kind) && streq(name_of(old, kind), name_of(rule, kind)))
			*number_of(rule, kind) = kind == ACCOUNT_USER ? old->user_number : old->group_number;
	}
}

void config_take_accounts(struct config *c, const struct config *from)
{
	for (size_t i = 0; i < c->n_policy; i++)
		for (enum account_kind kind = 0; kind < _ACCOUNT_KIND_MAX; kind++)
			if (is_looked_up(&c->policy[i], kind))
				take_number(&c->policy[i], kind, from);
}
