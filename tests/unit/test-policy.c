/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may do what. The rules are parsed from text, as they are in life, and looked up by hand. */
#include "testlib.h"

#define NUMBER(n) ((struct policy_number){ .known = true, .id = (n) })

#include "policy.h"

enum { ALICE = 1001, BOB = 1002, ZCRX = 500, OTHERS = 600 };

static const char text[] = "policy:\n"
			   "  - user: root\n" /* 2 */
			   "    flows: any\n"
			   "    administer: true\n"
			   "  - user: alice\n" /* 5 */
			   "    group: zcrx\n"
			   "    max-queues: 8\n"
			   "    flows:\n"
			   "      - {ports: 9000-9999, addresses: [10.0.0.1, fd09::/64]}\n"
			   "      - {ports: 80}\n"
			   "      - {addresses: [192.168.0.0/16]}\n"
			   "  - group: zcrx\n" /* 12 */
			   "    interfaces: [eth0, eth1]\n"
			   "    max-queues: 4\n"
			   "    max-area: 256M\n"
			   "    max-lease-time: 1d\n"
			   "  - user: nobody-yet\n" /* 17 */
			   "    administer: true\n"
			   "  - group: others\n" /* 19 */
			   "    max-queues: 0\n"
			   "    administer: true\n";

static struct config *config;

static struct peer peer(uid_t uid, gid_t gid)
{
	return (struct peer) { .uid = uid, .gid = gid, .pid = 1, .where = WHERE_HOST };
}

static int setup(void **state)
{
	assert_int_equal(config_parse(text, strlen(text), "test", &config, NULL), 0);
	assert_int_equal(config->n_policy, 5);
	config->policy[0].user_number = NUMBER(0);
	config->policy[1].user_number = NUMBER(ALICE);
	config->policy[1].group_number = NUMBER(ZCRX);
	config->policy[2].group_number = NUMBER(ZCRX);
	/* policy[3] is nobody on this machine: uid stays 0. */
	config->policy[4].group_number = NUMBER(OTHERS);
	return 0;
}

static int teardown(void **state)
{
	config = config_free(config);
	return 0;
}

static void test_match(void **state)
{
	gid_t groups[] = { 1, OTHERS, ZCRX };
	struct peer p;

	p = peer(0, 0);
	assert_ptr_equal(policy_match(config, &p), &config->policy[0]);
	p = peer(ALICE, ZCRX);
	assert_ptr_equal(policy_match(config, &p), &config->policy[1]);
	/* User and group both have to match. */
	p = peer(ALICE, 1);
	assert_null(policy_match(config, &p));
	p = peer(BOB, ZCRX);
	assert_ptr_equal(policy_match(config, &p), &config->policy[2]);
	p = peer(BOB, 1);
	assert_null(policy_match(config, &p));
	/* Supplementary groups count, and the first rule decides. */
	p.groups = groups;
	p.n_groups = 2;
	assert_ptr_equal(policy_match(config, &p), &config->policy[4]);
	p.n_groups = 3;
	assert_ptr_equal(policy_match(config, &p), &config->policy[2]);
	/* uid 0 is subject to the rules; one that is not resolved is not uid 0's. */
	config->policy[0].user_number.known = false;
	p = peer(0, 0);
	assert_null(policy_match(config, &p));
	config->policy[0].user_number.known = true;
}

static const struct interface_names eth0 = { .name = "eth0" };

static void test_everybody(void **state)
{
	static const char everybody[] = "policy: [{max-queues: 1}]";
	_cleanup_(config_freep) struct config *c = NULL;
	struct peer p = peer(BOB, 1);
	struct policy_usage used = { .queues = 1 };
	_cleanup_fault_ struct fault f = {};

	assert_int_equal(config_parse(everybody, strlen(everybody), "test", &c, NULL), 0);
	assert_ptr_equal(policy_match(c, &p), &c->policy[0]);
	assert_int_equal(policy_check_acquire(c, &p, &eth0, 1, &used, &f), ZCRX_QUOTA_EXCEEDED);
	CHECK_CONTAINS(f.message, "line 1 (everybody)");
}

static void test_default(void **state)
{
	_cleanup_(config_freep) struct config *c = NULL;
	struct peer p = peer(0, 0);
	struct flow f = { .destination_port = 1 };
	struct policy_usage used = { .queues = 1000, .area = 1ULL << 40 };
	bool limited;

	assert_int_equal(config_parse("", 0, "test", &c, NULL), 0);
	assert_int_equal(policy_check_acquire(c, &p, &eth0, 64, &used, NULL), 0);
	assert_int_equal(policy_check_area(c, &p, 1ULL << 40, &used, &limited, NULL), 0);
	assert_int_equal(policy_check_flow(c, &p, &f, NULL), 0);
	assert_int_equal(policy_check_administer(c, &p, "apply plans", NULL), 0);
	assert_true(policy_lease_time(c, &p, UINT64_MAX) == UINT64_MAX);
	p.uid = ALICE;
	assert_int_equal(policy_check_acquire(c, &p, &eth0, 1, &used, NULL),
			 ZCRX_PERMISSION_DENIED);
	assert_int_equal(policy_check_administer(c, &p, "apply plans", NULL),
			 ZCRX_PERMISSION_DENIED);
}

static void test_acquire(void **state)
{
	static const struct {
		uid_t uid;
		gid_t gid;
		const char *interface;
		unsigned queues;
		uint64_t held;
		int r;
		const char *subject, *message;
	} cases[] = {
		{ 0, 0, "eth7", 64, 1000, 0, NULL, NULL },
		{ ALICE, ZCRX, "eth7", 8, 0, 0, NULL, NULL },
		{ ALICE, ZCRX, "eth7", 9, 0, ZCRX_QUOTA_EXCEEDED, "max-queues",
		  "This user holds 0 queues and asks for 9 more, but the policy's rule at line 5 "
		  "(user alice in group zcrx) sets max-queues to 8; release something, or ask an "
		  "administrator to change the policy in the configuration." },
		{ ALICE, ZCRX, "eth7", 1, 8, ZCRX_QUOTA_EXCEEDED, "max-queues", "holds 8 queues" },
		{ ALICE, ZCRX, "eth7", 1, 7, 0, NULL, NULL },
		{ ALICE, ZCRX, "eth7", 1, 9, ZCRX_QUOTA_EXCEEDED, "max-queues", "holds 9 queues" },
		{ ALICE, ZCRX, "eth7", 1, UINT64_MAX, ZCRX_QUOTA_EXCEEDED, "max-queues", "holds" },
		{ BOB, ZCRX, "eth0", 4, 0, 0, NULL, NULL },
		{ BOB, ZCRX, "eth1", 4, 0, 0, NULL, NULL },
		{ BOB, ZCRX, "eth2", 1, 0, ZCRX_PERMISSION_DENIED, "line 12 (group zcrx)",
		  "The policy's rule at line 12 (group zcrx) does not list interface eth2; ask an "
		  "administrator to change the policy in the configuration." },
		{ BOB, ZCRX, "eth0", 4, 1, ZCRX_QUOTA_EXCEEDED, "max-queues", "line 12" },
		{ BOB, OTHERS, "eth0", 1, 0, ZCRX_QUOTA_EXCEEDED, "max-queues", "line 19" },
		{ BOB, 1, "eth0", 1, 0, ZCRX_PERMISSION_DENIED, "no rule",
		  "No rule of the policy lets uid 1002 lease queues; ask an administrator" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct peer p = peer(cases[i].uid, cases[i].gid);
		struct interface_names names = { .name = cases[i].interface };
		struct policy_usage used = { .queues = cases[i].held };
		_cleanup_fault_ struct fault f = {};

		assert_int_equal(policy_check_acquire(config, &p, &names, cases[i].queues, &used, &f),
				 cases[i].r);
		if (cases[i].r == 0)
			continue;
		assert_string_equal(f.subject, cases[i].subject);
		CHECK_CONTAINS(f.message, cases[i].message);
	}
}

static void test_area(void **state)
{
	struct peer bob = peer(BOB, ZCRX), root = peer(0, 0), none = peer(BOB, 1);
	struct policy_usage used = { .area = 128 << 20 };
	_cleanup_fault_ struct fault f = {};
	bool limited = false;

	assert_int_equal(policy_check_area(config, &bob, 128 << 20, &used, &limited, &f), 0);
	assert_true(limited);
	assert_int_equal(policy_check_area(config, &bob, (128 << 20) + 1, &used, &limited, &f),
			 ZCRX_QUOTA_EXCEEDED);
	assert_string_equal(f.subject, "max-area");
	CHECK_CONTAINS(f.message, "sets max-area to 268435456");
	assert_int_equal(policy_check_area(config, &bob, UINT64_MAX, &used, &limited, &f),
			 ZCRX_QUOTA_EXCEEDED);
	used.area = UINT64_MAX;
	assert_int_equal(policy_check_area(config, &bob, 1, &used, &limited, &f), ZCRX_QUOTA_EXCEEDED);
	used.area = 0;
	assert_int_equal(policy_check_area(config, &root, UINT64_MAX, &used, &limited, &f), 0);
	assert_false(limited);
	assert_int_equal(policy_check_area(config, &none, 1, &used, &limited, &f), ZCRX_PERMISSION_DENIED);
}

static struct flow flow(enum flow_protocol p, const char *destination, unsigned port)
{
	struct flow f = { .protocol = p, .destination_port = (uint16_t)port };

	if (*destination)
		assert_int_equal(flow_address_parse(p, destination, "test", &f.destination, NULL),
				 0);
	return f;
}

static void test_flows(void **state)
{
	static const struct {
		enum flow_protocol p;
		const char *destination;
		unsigned port;
		bool allowed; /* alice, by her list */
	} cases[] = {
		{ FLOW_TCP4, "10.0.0.1", 9000, true },
		{ FLOW_TCP4, "10.0.0.1", 9999, true },
		{ FLOW_TCP4, "10.0.0.1", 8999, false },
		{ FLOW_TCP4, "10.0.0.1", 10000, false },
		{ FLOW_TCP4, "10.0.0.1", 0, false },
		{ FLOW_TCP4, "10.0.0.2", 9000, false },
		{ FLOW_TCP4, "", 9000, false },
		{ FLOW_TCP4, "10.0.0.0/24", 9000, false },
		{ FLOW_TCP6, "fd09::1", 9000, true },
		{ FLOW_TCP6, "fd09::/80", 9500, true },
		{ FLOW_TCP6, "fd09::/32", 9500, false },
		{ FLOW_TCP6, "fd0a::1", 9000, false },
		{ FLOW_TCP6, "", 9000, false },
		/* The entry with ports alone is for every address, of either family. */
		{ FLOW_TCP4, "10.0.0.2", 80, true },
		{ FLOW_TCP4, "", 80, true },
		{ FLOW_TCP6, "fd0a::1", 80, true },
		{ FLOW_TCP4, "", 81, false },
		/* The one with addresses alone is for every port, and for IPv4. */
		{ FLOW_TCP4, "192.168.3.4", 1, true },
		{ FLOW_TCP4, "192.168.3.4", 0, true },
		{ FLOW_TCP4, "192.168.0.0/16", 0, true },
		{ FLOW_TCP4, "192.168.0.0/15", 1, false },
		{ FLOW_TCP6, "c0a8::", 1, false },
	};
	struct peer alice = peer(ALICE, ZCRX), bob = peer(BOB, ZCRX), root = peer(0, 0);
	struct peer none = peer(BOB, 1);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow f = flow(cases[i].p, cases[i].destination, cases[i].port);
		_cleanup_fault_ struct fault fault = {};

		assert_int_equal(policy_check_flow(config, &alice, &f, &fault),
				 cases[i].allowed ? 0 : ZCRX_FLOW_NOT_PROVED);
		if (!cases[i].allowed)
			CHECK_CONTAINS(fault.message, "line 5 (user alice in group zcrx) does not "
						      "let this user name tcp");
		/* A source never makes it less of somebody else's. */
		f.source_port = 7;
		assert_int_equal(policy_check_flow(config, &alice, &f, &fault),
				 cases[i].allowed ? 0 : ZCRX_FLOW_NOT_PROVED);
		assert_int_equal(policy_check_flow(config, &bob, &f, &fault), ZCRX_FLOW_NOT_PROVED);
		assert_int_equal(policy_check_flow(config, &root, &f, NULL), 0);
		assert_int_equal(policy_check_flow(config, &none, &f, &fault),
				 ZCRX_PERMISSION_DENIED);
	}
}

static void test_administer(void **state)
{
	struct peer root = peer(0, 0), bob = peer(BOB, ZCRX), other = peer(BOB, OTHERS);
	struct peer none = peer(BOB, 1);
	_cleanup_fault_ struct fault f = {};

	assert_int_equal(policy_check_administer(config, &root, "apply plans", &f), 0);
	assert_int_equal(policy_check_administer(config, &other, "apply plans", &f), 0);
	assert_int_equal(policy_check_administer(config, &bob, "apply plans", &f),
			 ZCRX_PERMISSION_DENIED);
	assert_string_equal(f.subject, "line 12 (group zcrx)");
	assert_string_equal(f.message, "Only administrators may apply plans, and the policy's rule "
				       "at line 12 (group zcrx) makes none of this user; ask an "
				       "administrator to change the policy in the configuration.");
	assert_int_equal(policy_check_administer(config, &none, "apply plans", &f),
			 ZCRX_PERMISSION_DENIED);
	assert_string_equal(f.subject, "no rule");
}

static void test_lease_time(void **state)
{
	const uint64_t day = 86400000000;
	struct peer root = peer(0, 0), bob = peer(BOB, ZCRX), none = peer(BOB, 1);

	assert_true(policy_lease_time(config, &root, 5) == 5);
	assert_true(policy_lease_time(config, &root, UINT64_MAX) == UINT64_MAX);
	assert_true(policy_lease_time(config, &bob, 5) == 5);
	assert_true(policy_lease_time(config, &bob, day) == day);
	assert_true(policy_lease_time(config, &bob, day + 1) == day);
	assert_true(policy_lease_time(config, &bob, UINT64_MAX) == day);
	assert_true(policy_lease_time(config, &none, 5) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),	   cmocka_unit_test(test_everybody),
		cmocka_unit_test(test_default),	   cmocka_unit_test(test_acquire),
		cmocka_unit_test(test_area),	   cmocka_unit_test(test_flows),
		cmocka_unit_test(test_administer), cmocka_unit_test(test_lease_time),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
