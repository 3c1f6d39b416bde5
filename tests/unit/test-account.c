/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who bears the names in the policy: what is asked, what is learnt, and whose call depends on it. */
#include <errno.h>

#include "account.h"
#include "policy.h"
#include "testlib.h"

static struct config *parse(const char *text)
{
	struct config *c = NULL;

	assert_int_equal(config_parse(text, strlen(text), "test", &c, NULL), 0);
	return c;
}

static void learn(struct config *c, enum account_kind kind, const char *name, int r, uint32_t id)
{
	struct account a = { .kind = kind, .name = (char *)name, .r = r, .id = id };

	for (size_t i = 0; i < c->n_policy; i++)
		(void)policy_rule_learn(&c->policy[i], &a);
}

static void test_list(void **state)
{
	_cleanup_(config_freep) struct config *c =
		parse("policy: [{user: root}, {user: \"1000\"}, {user: svc}, {group: svc}, {group: zcrx, "
		      "where: host}, {group: '7'}, {user: other, group: zcrx}, {max-queues: 1}]");
	static const struct {
		enum account_kind kind;
		const char *name;
	} expected[] = { { ACCOUNT_USER, "svc" }, { ACCOUNT_GROUP, "svc" }, { ACCOUNT_GROUP, "zcrx" },
			 { ACCOUNT_USER, "other" } };
	struct account *list;
	size_t n;

	assert_int_equal(config_list_accounts(c, &list, &n), 0);
	assert_int_equal(n, ARRAY_SIZE(expected));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(list[i].kind, expected[i].kind);
		assert_string_equal(list[i].name, expected[i].name);
	}
	accounts_list_free(list, n);
}

/* Each answer after each other: what is known then, and whether it is worth a word. */
static void test_learn(void **state)
{
	static const struct {
		int r;
		uint32_t id;
	} answers[] = { { 0, 7 }, { 0, 8 }, { -ENOENT, 9 }, { -EIO, 9 } };
	/* Nothing before, then what answers[] said before. */
	static const bool said[5][4] = {
		{ false, false, true, true },  /* nobody has asked */
		{ false, true, true, false },  /* it was 7 */
		{ true, false, true, false },  /* it was 8 */
		{ true, true, false, false },  /* there was none */
		{ true, true, false, false },  /* it could not be told at first */
	};

	for (size_t before = 0; before < 5; before++)
		for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
			_cleanup_(config_freep) struct config *c = parse("policy: [{user: svc}]");
			struct policy_rule *rule = &c->policy[0];
			struct account a = { .kind = ACCOUNT_USER, .name = (char *)"svc" };
			struct policy_number was;

			if (before > 0) {
				a.r = answers[before - 1].r;
				a.id = answers[before - 1].id;
				(void)policy_rule_learn(rule, &a);
			}
			was = rule->user_number;
			a.r = answers[i].r;
			a.id = answers[i].id;
			assert_int_equal(policy_rule_learn(rule, &a), said[before][i]);
			assert_true(rule->user_number.asked);
			if (a.r == -EIO) {
				assert_int_equal(rule->user_number.known, was.known);
				assert_int_equal(rule->user_number.id, was.id);
			} else {
				assert_int_equal(rule->user_number.known, a.r == 0);
				assert_int_equal(rule->user_number.id, a.r == 0 ? a.id : 0);
			}
			/* Others' names, and the group of this name, are not meant. */
			a.r = 0;
			a.id = 99;
			a.kind = ACCOUNT_GROUP;
			assert_false(policy_rule_learn(rule, &a));
			a.kind = ACCOUNT_USER;
			a.name = (char *)"svc2";
			assert_false(policy_rule_learn(rule, &a));
			assert_true(rule->user_number.id != 99);
		}
}

static void test_fixed(void **state)
{
	_cleanup_(config_freep) struct config *c = parse("policy: [{user: root}, {user: '1000', group: '7'}, "
							 "{user: '4294967295'}, {user: '4294967294'}]");

	learn(c, ACCOUNT_USER, "root", 0, 5);
	learn(c, ACCOUNT_USER, "1000", -ENOENT, 0);
	assert_true(c->policy[0].user_number.known && c->policy[0].user_number.id == 0);
	assert_true(c->policy[1].user_number.known && c->policy[1].user_number.id == 1000);
	assert_true(c->policy[1].group_number.known && c->policy[1].group_number.id == 7);
	assert_false(c->policy[2].user_number.fixed); /* nobody's number */
	assert_true(c->policy[3].user_number.fixed);
}

static void test_taken_over(void **state)
{
	_cleanup_(config_freep) struct config *old = parse("policy: [{user: svc}, {group: zcrx}]");
	_cleanup_(config_freep) struct config *c =
		parse("policy: [{group: svc}, {group: zcrx, user: svc}, {user: other}, {user: '5'}]");

	learn(old, ACCOUNT_USER, "svc", 0, 7);
	learn(old, ACCOUNT_GROUP, "zcrx", -ENOENT, 0);
	config_take_accounts(c, old);
	assert_false(c->policy[0].group_number.asked);
	assert_true(c->policy[1].user_number.known && c->policy[1].user_number.id == 7);
	assert_true(c->policy[1].group_number.asked && !c->policy[1].group_number.known);
	assert_false(c->policy[2].user_number.asked);
	assert_int_equal(c->policy[3].user_number.id, 5);
}

static void test_depends(void **state)
{
	static const struct {
		const char *policy;
		bool depends; /* uid 1000 in group 7 */
	} cases[] = {
		{ "policy: []", false },
		{ "policy: [{user: root}]", false },
		{ "policy: [{user: '1000'}, {user: svc}]", false },
		{ "policy: [{user: '1001'}, {user: svc}]", true },
		{ "policy: [{user: svc}, {user: '1000'}]", true },
		{ "policy: [{group: '7'}, {group: zcrx}]", false },
		{ "policy: [{group: '8'}, {group: zcrx}]", true },
		{ "policy: [{max-queues: 1}]", false },
		{ "policy: [{user: svc}, {max-queues: 1}]", true },
		/* The rule is not about the caller, whoever has the name. */
		{ "policy: [{user: '1001', group: zcrx}]", false },
		{ "policy: [{user: '1000', group: zcrx}]", true },
		{ "policy: [{user: svc, group: '8'}]", false },
		{ "policy: [{user: svc, group: '7'}]", true },
		/* Of containers only; those behind it decide. */
		{ "policy: [{user: '1000', where: container}, {user: svc}]", true },
	};
	struct peer peer = { .uid = 1000, .gid = 7, .where = WHERE_HOST };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(config_freep) struct config *c = parse(cases[i].policy);

		assert_int_equal(policy_depends_on_names(c, &peer), cases[i].depends);
		learn(c, ACCOUNT_USER, "svc", 0, 1000); /* and goes on to do so */
		assert_int_equal(policy_depends_on_names(c, &peer), cases[i].depends);
	}
}

static void test_message(void **state)
{
	_cleanup_(config_freep) struct config *c = parse("policy:\n- user: svc\n");
	_cleanup_(config_freep) struct config *two = parse("policy:\n- user: svc\n- group: zcrx\n");
	struct peer peer = { .uid = 1000, .gid = 7, .where = WHERE_HOST };
	_cleanup_fault_ struct fault f = {}, g = {}, h = {};

	assert_int_equal(policy_check_administer(c, &peer, "apply", &f), ZCRX_PERMISSION_DENIED);
	assert_string_equal(f.message, "No rule of the policy lets uid 1000 apply; ask an administrator to "
				       "change the policy in the configuration. The rule at line 2 (user svc) "
				       "is for an account that does not exist now; when it does, the rule "
				       "holds without a reload.");
	assert_int_equal(policy_check_administer(two, &peer, "apply", &g), ZCRX_PERMISSION_DENIED);
	CHECK_CONTAINS(g.message, "line 2 (user svc) and others are each for an account");
	learn(c, ACCOUNT_USER, "svc", 0, 1001);
	assert_int_equal(policy_check_administer(c, &peer, "apply", &h), ZCRX_PERMISSION_DENIED);
	assert_null(strstr(h.message, "exist"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),	   cmocka_unit_test(test_learn),
		cmocka_unit_test(test_fixed),	   cmocka_unit_test(test_taken_over),
		cmocka_unit_test(test_depends),	   cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
