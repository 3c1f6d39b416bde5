/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From where a rule of the policy matches, and who is whom in a container. */
#include "testlib.h"

#define NUMBER(n) ((struct policy_number){ .known = true, .id = (n) })

#include "policy.h"

enum { ALICE = 1001, BOB = 1002, INSIDE = 1003, ZCRX = 500, OTHERS = 600 };

static struct peer peer(uid_t uid, gid_t gid)
{
	return (struct peer) { .uid = uid, .gid = gid, .pid = 1, .where = WHERE_HOST };
}

/*
 * Every kind of rule with every value of the key, and who is matched by it: processes of the host (h), of
 * a container (c), and there with a uid that somebody else's user namespace gave out (a).
 */
static void test_where(void **state)
{
	static const struct {
		const char *rule, *none, *host, *container, *any;
	} kinds[] = {
		{ "user: root", "h", "h", "ca", "hca" },
		{ "user: 0", "h", "h", "ca", "hca" },
		{ "group: zcrx, administer: true", "h", "h", "ca", "hca" },
		{ "user: alice, administer: true", "h", "h", "ca", "hca" },
		{ "administer: true", "h", "h", "ca", "hca" },
		{ "user: alice", "hca", "h", "ca", "hca" },
		{ "user: alice, flows: any", "hca", "h", "ca", "hca" },
		{ "user: alice, group: zcrx", "hca", "h", "ca", "hca" },
		{ "group: zcrx", "hc", "h", "ca", "hca" },
		{ "max-queues: 1", "hc", "h", "ca", "hca" },
	};
	static const char *const keys[] = { "", ", where: host", ", where: container", ", where: any" };
	static const enum where from[] = { WHERE_HOST, WHERE_CONTAINER, WHERE_ASSUMED };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
			const char *expected = (const char *const[]) { kinds[i].none, kinds[i].host,
								       kinds[i].container,
								       kinds[i].any }[k];
			_cleanup_(config_freep) struct config *c = NULL;
			char line[128], matched[4] = "";
			size_t n = 0;

			snprintf(line, sizeof(line), "policy: [{%s%s}]", kinds[i].rule, keys[k]);
			assert_int_equal(config_parse(line, strlen(line), "test", &c, NULL), 0);
			c->policy[0].user_number = NUMBER(strstr(line, "alice") ? ALICE : 0);
			c->policy[0].group_number = NUMBER(ZCRX);
			for (size_t w = 0; w < ARRAY_SIZE(from); w++) {
				struct peer p = peer(c->policy[0].user_number.id, ZCRX);

				p.where = from[w];
				if (policy_match(c, &p))
					matched[n++] = "hca"[w];
			}
			if (strcmp(matched, expected) != 0)
				fail_msg("%s: matched %s, not %s", line, matched, expected);
		}
}

/* Who acts on what his uid owns, without a handle: root of a container is not root. */
static void test_owner(void **state)
{
	static const char text_[] = "policy:\n- user: root\n  administer: true\n- user: alice\n"
				    "- group: zcrx\n  where: host\n- group: others\n"
				    "- user: only-inside\n  where: container\n- max-queues: 1\n";
	static const struct {
		uid_t uid;
		gid_t gid;
		bool container, assumed;
	} cases[] = {
		{ 0, 0, false, false },	      { ALICE, 1, true, true },	   { BOB, ZCRX, false, false },
		{ BOB, OTHERS, true, false }, { INSIDE, 1, true, false }, { BOB, 1, true, false },
	};
	_cleanup_(config_freep) struct config *c = NULL;

	assert_int_equal(config_parse(text_, strlen(text_), "test", &c, NULL), 0);
	c->policy[1].user_number = NUMBER(ALICE);
	c->policy[2].group_number = NUMBER(ZCRX);
	c->policy[3].group_number = NUMBER(OTHERS);
	c->policy[4].user_number = NUMBER(INSIDE);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct peer p = peer(cases[i].uid, cases[i].gid);

		assert_true(policy_is_owner(c, &p, cases[i].uid));
		assert_false(policy_is_owner(c, &p, cases[i].uid + 1));
		p.where = WHERE_CONTAINER;
		assert_int_equal(policy_is_owner(c, &p, cases[i].uid), cases[i].container);
		p.where = WHERE_ASSUMED;
		assert_int_equal(policy_is_owner(c, &p, cases[i].uid), cases[i].assumed);
	}
	/* Whom only rules for containers name is whom they name. */
	c->n_policy = 5;
	{
		struct peer p = peer(INSIDE, 1);

		p.where = WHERE_CONTAINER;
		assert_true(policy_is_owner(c, &p, INSIDE));
		p = peer(BOB, 1);
		p.where = WHERE_CONTAINER;
		assert_false(policy_is_owner(c, &p, BOB));
		c->n_policy = 6;
	}
}

/* A second name of uid 0 is root, too, once it is known to be. */
static void test_where_of_uid_0(void **state)
{
	static const char toor[] = "policy: [{user: toor}]";
	_cleanup_(config_freep) struct config *c = NULL;
	struct peer p = peer(0, 0);

	assert_int_equal(config_parse(toor, strlen(toor), "test", &c, NULL), 0);
	c->policy[0].user_number = NUMBER(0);
	assert_ptr_equal(policy_match(c, &p), &c->policy[0]);
	p.where = WHERE_CONTAINER;
	assert_null(policy_match(c, &p));
	/* What nobody has read is nowhere. */
	c->policy[0].where = WHERE_ANY;
	p.where = 0;
	assert_null(policy_match(c, &p));
}

/* The refusal names the predicate, and what it saw. */
static void test_where_is_explained(void **state)
{
	static const struct {
		const char *policy;
		enum where where;
		bool foreign[_NAMESPACE_MAX];
		const char *message;
	} cases[] = {
		{ "policy:\n- user: root\n  administer: true\n", WHERE_ASSUMED, { true, true, true },
		  "No rule of the policy lets uid 0 apply; ask an administrator to change the policy in "
		  "the configuration. The rule at line 2 (user root) is for processes of the host (where: "
		  "host), and this process is in another network, user and process namespace than "
		  "zcrxd's." },
		{ "policy:\n- user: root\n  administer: true\n- max-queues: 1\n", WHERE_CONTAINER,
		  { true, false, true },
		  "Only administrators may apply, and the policy's rule at line 4 (everybody) makes none of "
		  "this user; ask an administrator to change the policy in the configuration. The rule at "
		  "line 2 (user root) is for processes of the host (where: host), and this process is in "
		  "another network and process namespace than zcrxd's." },
		{ "policy:\n- max-queues: 1\n", WHERE_ASSUMED, { [NAMESPACE_USER] = true },
		  "No rule of the policy lets uid 0 apply; ask an administrator to change the policy in "
		  "the configuration. The rule at line 2 (everybody) takes no uid that another user's "
		  "namespace has given out (where: any would), and this process is in another user "
		  "namespace than zcrxd's." },
		{ "policy:\n- group: 7\n  where: container\n", WHERE_HOST, {},
		  "No rule of the policy lets uid 0 apply; ask an administrator to change the policy in "
		  "the configuration. The rule at line 2 (group 7) is for containers (where: container), "
		  "and this process is in none but zcrxd's own namespaces." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(config_freep) struct config *c = NULL;
		_cleanup_fault_ struct fault f = {};
		struct peer p = peer(0, 7);

		p.where = cases[i].where;
		memcpy(p.foreign, cases[i].foreign, sizeof(p.foreign));
		assert_int_equal(config_parse(cases[i].policy, strlen(cases[i].policy), "test", &c, NULL),
				 0);
		for (size_t k = 0; k < c->n_policy; k++)
			c->policy[k].group_number = NUMBER(7);
		assert_int_equal(policy_check_administer(c, &p, "apply", &f), ZCRX_PERMISSION_DENIED);
		assert_string_equal(f.message, cases[i].message);
	}
}

static void expect_line(const struct config *c, const struct peer *p, unsigned line)
{
	const struct policy_rule *rule = policy_match(c, p);

	if ((rule ? rule->line : 0) != line)
		fail_msg("uid %u in %s: line %u, not %u", (unsigned)p->uid, p->cgroup ?: "none", rule ? rule->line : 0,
			 line);
}

/* First match decides, also where the first are for some control groups; whoever has none that is known does not come to
 * those behind them. */
static void test_cgroup(void **state)
{
	static const char text_[] = "policy:\n- user: \"1001\"\n  cgroup: /machine.slice/*\n  where: container\n"
				    "- user: \"1001\"\n  cgroup: /user.slice\n  max-queues: 1\n"
				    "- user: \"1001\"\n- cgroup: /system.slice/app.service\n";
	_cleanup_(config_freep) struct config *c = NULL;
	struct peer p = peer(ALICE, 1), other = peer(BOB, 1);

	assert_int_equal(config_parse(text_, strlen(text_), "test", &c, NULL), 0);
	p.cgroup = (char[]){ "/user.slice/user-1001.slice/session-1.scope" };
	expect_line(c, &p, 5);
	p.cgroup = (char[]){ "/system.slice/app.service" };
	expect_line(c, &p, 8);
	p.cgroup = (char[]){ "/machine.slice/libpod-1.scope" };
	expect_line(c, &p, 8); /* of the host */
	p.where = WHERE_CONTAINER;
	expect_line(c, &p, 2);
	p.cgroup = (char[]){ "/user.slice/machine.slice/libpod-1.scope" };
	expect_line(c, &p, 5);
	p.cgroup = NULL;
	expect_line(c, &p, 0);
	expect_line(c, &other, 0);
	other.cgroup = (char[]){ "/system.slice/app.service/sub" };
	expect_line(c, &other, 9);
	other.cgroup = (char[]){ "/system.slice" };
	expect_line(c, &other, 0);
	/* Nobody has seen the process of him for whom an administrator asks. */
	other = (struct peer){ .uid = ALICE, .gid = 1 };
	policy_place_owner(c, &other);
	assert_int_equal(other.where, WHERE_HOST);
	expect_line(c, &other, 5);
}

/* In a container somebody is who he is only as far as a rule that is for that container says so. */
static void test_owner_in_a_cgroup(void **state)
{
	static const char text_[] = "policy:\n- user: \"1001\"\n  cgroup: /machine.slice/box.scope\n";
	_cleanup_(config_freep) struct config *c = NULL;
	struct peer p = peer(ALICE, 1);

	assert_int_equal(config_parse(text_, strlen(text_), "test", &c, NULL), 0);
	assert_true(policy_is_owner(c, &p, ALICE)); /* on the host a uid is a uid */
	p.where = WHERE_CONTAINER;
	assert_false(policy_is_owner(c, &p, ALICE));
	p.cgroup = (char[]){ "/machine.slice/other.scope" };
	assert_false(policy_is_owner(c, &p, ALICE));
	p.cgroup = (char[]){ "/machine.slice/box.scope/container" };
	assert_true(policy_is_owner(c, &p, ALICE));
}

static void test_cgroup_is_explained(void **state)
{
	static const char text_[] = "policy:\n- user: \"1001\"\n  cgroup: /machine.slice/*\n";
#define SAYS "No rule of the policy lets uid 1001 apply; ask an administrator to change the policy in the configuration. " \
	     "The rule at line 2 (user 1001) is for the control group /machine.slice/*, and "
	static const struct {
		const char *cgroup, *message;
	} cases[] = {
		{ "/user.slice/\x1b", SAYS "this process is in /user.slice/?." },
		{ NULL, SAYS "that of this process is not known: it is gone, or has none in the unified hierarchy." },
	};
	_cleanup_(config_freep) struct config *c = NULL;

	assert_int_equal(config_parse(text_, strlen(text_), "test", &c, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *cgroup = cases[i].cgroup ? strdup(cases[i].cgroup) : NULL;
		_cleanup_fault_ struct fault f = {};
		struct peer p = peer(ALICE, 1);

		p.cgroup = cgroup;
		assert_int_equal(policy_check_administer(c, &p, "apply", &f), ZCRX_PERMISSION_DENIED);
		assert_string_equal(f.message, cases[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_where_of_uid_0),
		cmocka_unit_test(test_where_is_explained),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_owner_in_a_cgroup),
		cmocka_unit_test(test_cgroup_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
