/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrong policies. */
#include "mistakes.h"

#define PORT	"a port or a range like 9000-9999, from 1 to 65535"
#define CGROUP "a control group from the root on, such as /machine.slice/*, which stands for all in it"
#define ADDRESS "an address like 10.0.0.1, 10.0.0.0/24 or fd09::1"

static const struct mistake mistakes[] = {
	{ "policy: none", "1:9: policy: found \"none\", expected a list of rules" },
	{ "policy:", "1:8: policy: found nothing, expected a list of rules" },
	{ "policy: [root]", "1:10: policy[0]: found \"root\", expected a mapping" },
	{ "policy: [{}]", "1:10: policy[0]: found an empty rule, expected at least one key" },
	{ "policy: [{user: }]",
	  "1:17: policy[0].user: found nothing, expected the name or number of a "
	  "user of 1 to 255 characters without blanks at the ends" },
	{ "policy: [{user: ' a'}]",
	  "1:17: policy[0].user: found \" a\", expected the name or number of a "
	  "user of 1 to 255 characters without blanks at the ends" },
	{ "policy: [{group: \"a\\tb\"}]",
	  "1:18: policy[0].group: found \"a?b\", expected the name or number of a "
	  "group of 1 to 255 characters without blanks at the ends" },
	/* What chown, sudoers and limits.conf take; and what comes along out of a page. */
	{ "policy: [{user: 'a:b'}]",
	  "1:17: policy[0].user: found \"a:b\", expected the name or number of a user (user: and group: are "
	  "keys of their own)" },
	{ "policy: [{group: '%zcrx'}]",
	  "1:18: policy[0].group: found \"%zcrx\", expected the name or number of a group, without the % "
	  "that other files put in front of a group" },
	{ "policy: [{group: '@zcrx'}]",
	  "1:18: policy[0].group: found \"@zcrx\", expected the name or number of a group, without the @ "
	  "that other files put in front of a group" },
	{ "policy: [{user: alice\u00a0}]",
	  "1:17: policy[0].user: found \"alice\u00a0\" with an invisible character in it (U+00A0), expected "
	  "the name or number of a user without it" },
	{ RULE "  flows: [{addresses: ['fe80::1%eth0']}]\n",
	  "3:24: policy[0].flows[0].addresses[0]: found \"fe80::1%eth0\", expected " ADDRESS
	  " (\"fe80::1%eth0\" is no IPv6 address. Leave the zone (from the % on) out: a flow is on the "
	  "interface of its lease.)" },
	{ RULE "  flows: [{addresses: ['10.0.0.1:80']}]\n",
	  "3:24: policy[0].flows[0].addresses[0]: found \"10.0.0.1:80\", expected " ADDRESS
	  " (\"10.0.0.1:80\" is no IPv6 address. Leave the port out: it is said apart from the address.)" },
	{ RULE "  flows: [{addresses: ['[fd09::1]:80']}]\n",
	  "3:24: policy[0].flows[0].addresses[0]: found \"[fd09::1]:80\", expected " ADDRESS
	  " (\"[fd09::1]:80\" is no IPv6 address. Leave the brackets out; a port is said apart from the "
	  "address.)" },
	{ "policy: [{group: a/b}]",
	  "1:18: policy[0].group: found \"a/b\", expected the name or number of a group" },
	{ "policy: [{group: [a, b]}]",
	  "1:18: policy[0].group: found a list, expected the name or number of a group of 1 to 255 "
	  "characters without blanks at the ends" },
	{ "policy: [{users: alice}]",
	  "1:11: policy[0].users: found an unknown key, expected one of user, group, where, "
	  "cgroup, interfaces, max-queues, max-area, max-flows, max-lease-time, flows, tune, administer (did you mean user?)" },
	{ RULE "- group: zcrx\n- user: alice\n  flows: any\n",
	  "4:3: policy[2]: found a rule that never decides, expected it before the rule at line 2, "
	  "which matches the same users first" },
	{ "policy:\n- max-queues: 1\n- user: root\n",
	  "3:3: policy[1]: found a rule that never decides, expected it before the rule at line 2, "
	  "which matches the same users first" },
	{ "policy: [{group: g}, {user: a, group: g}]",
	  "1:22: policy[1]: found a rule that never decides, expected it before the rule at line "
	  "1, "
	  "which matches the same users first" },
	{ RULE "  where: hosts\n",
	  "3:10: policy[0].where: found \"hosts\", expected host or container or any" },
	{ RULE "  cgroup: machine.slice\n", "3:11: policy[0].cgroup: found \"machine.slice\", expected " CGROUP },
	{ RULE "  cgroup: /\n", "3:11: policy[0].cgroup: found \"/\", expected " CGROUP },
	{ RULE "  cgroup: /a/../b\n", "3:11: policy[0].cgroup: found \"/a/../b\", expected " CGROUP },
	{ RULE "  cgroup: /a//b\n", "3:11: policy[0].cgroup: found \"/a//b\", expected " CGROUP },
	{ RULE "  cgroup: /a/\n", "3:11: policy[0].cgroup: found \"/a/\", expected " CGROUP },
	{ "policy:\n- user: a\n  cgroup: /s\n- user: a\n  cgroup: /s\n  max-queues: 1\n",
	  "4:3: policy[1]: found a rule that never decides, expected it before the rule at line 2, "
	  "which matches the same users first" },
	{ "policy:\n- user: a\n- user: a\n  cgroup: /s\n",
	  "3:3: policy[1]: found a rule that never decides, expected it before the rule at line 2, "
	  "which matches the same users first" },
	{ RULE "  where: [host]\n",
	  "3:10: policy[0].where: found a list, expected host or container or any" },
	{ "policy:\n- where: container\n- group: g\n- user: a\n  where: container\n",
	  "4:3: policy[2]: found a rule that never decides, expected it before the rule at line 2, "
	  "which matches the same users first" },
	{ "policy:\n- where: any\n- user: root\n",
	  "3:3: policy[1]: found a rule that never decides, expected it before the rule at line 2, "
	  "which matches the same users first" },
	{ RULE "  interfaces: eth0\n",
	  "3:15: policy[0].interfaces: found \"eth0\", expected a list of interfaces" },
	{ RULE "  interfaces: []\n", "3:15: policy[0].interfaces: found an empty list, expected at "
				     "least one of the interfaces" },
	{ RULE "  interfaces: [eth0, 'x:1']\n",
	  "3:22: policy[0].interfaces[1]: found \"x:1\", expected the name of an interface, as ip "
	  "link shows it" },
	{ RULE "  max-queues: unlimited\n",
	  "3:15: policy[0].max-queues: found \"unlimited\", expected a number from 0 to 65536" },
	{ RULE "  max-flows: many\n", "3:14: policy[0].max-flows: found \"many\", expected a "
				      "number from 0 to 1000000" },
	{ RULE "  max-area: 256MB\n",
	  "3:13: policy[0].max-area: found \"256MB\", expected a size in "
	  "bytes or like 256M (K, M, G, T)" },
	{ RULE "  max-area: 0\n",
	  "3:13: policy[0].max-area: found \"0\", expected a size in bytes or "
	  "like 256M (K, M, G, T)" },
	{ RULE "  max-area: 99999999T\n", "3:13: policy[0].max-area: found \"99999999T\", expected "
					  "a size in bytes or like 256M (K, "
					  "M, G, T)" },
	{ RULE "  max-lease-time: 1 month\n", "3:19: policy[0].max-lease-time: found \"1 month\", "
					    "expected a time in seconds or like 30min, "
					    "12h, 1d" },
	{ RULE "  max-lease-time: 0\n",
	  "3:19: policy[0].max-lease-time: found \"0\", expected a time in seconds or like 30min, "
	  "12h, 1d" },
	{ RULE "  tune: 1\n", "3:9: policy[0].tune: found \"1\", expected true or false" },
	{ RULE "  administer: 1\n",
	  "3:15: policy[0].administer: found \"1\", expected true or false" },
	{ RULE "  flows: all\n", "3:10: policy[0].flows: found \"all\", expected prove, any or a "
				 "list of {ports, addresses}" },
	{ RULE "  flows: {ports: 80}\n",
	  "3:10: policy[0].flows: found a mapping, expected prove, any or a list of {ports, "
	  "addresses}" },
	{ RULE "  flows: []\n",
	  "3:10: policy[0].flows: found an empty list, expected at least one of the flows" },
	{ RULE "  flows: [{}]\n", "3:11: policy[0].flows[0]: found neither ports nor addresses, "
				  "expected at least one of them "
				  "(flows: any allows everything)" },
	{ RULE "  flows: [80]\n", "3:11: policy[0].flows[0]: found \"80\", expected a mapping" },
	{ RULE "  flows: [{port: 80}]\n", "3:12: policy[0].flows[0].port: found an unknown key, "
					  "expected one of ports, addresses (did "
					  "you mean ports?)" },
	{ RULE "  flows: [{ports: 0}]\n",
	  "3:19: policy[0].flows[0].ports: found \"0\", expected " PORT },
	{ RULE "  flows: [{ports: 65536}]\n",
	  "3:19: policy[0].flows[0].ports: found \"65536\", expected " PORT },
	{ RULE "  flows: [{ports: 90-80}]\n",
	  "3:19: policy[0].flows[0].ports: found \"90-80\", expected " PORT },
	{ RULE "  flows: [{ports: 80-}]\n",
	  "3:19: policy[0].flows[0].ports: found \"80-\", expected " PORT },
	{ RULE "  flows: [{ports: 80 - 90}]\n",
	  "3:19: policy[0].flows[0].ports: found \"80 - 90\", expected " PORT },
	{ RULE "  flows: [{ports: [80]}]\n",
	  "3:19: policy[0].flows[0].ports: found a list, expected " PORT },
	{ RULE "  flows: [{addresses: 10.0.0.1}]\n",
	  "3:23: policy[0].flows[0].addresses: found \"10.0.0.1\", expected a list of addresses" },
	{ RULE "  flows: [{addresses: []}]\n", "3:23: policy[0].flows[0].addresses: found an empty "
					       "list, expected at least one of the addresses" },
	{ RULE "  flows: [{addresses: [localhost]}]\n",
	  "3:24: policy[0].flows[0].addresses[0]: found \"localhost\", expected " ADDRESS
	  " (\"localhost\" is no IPv4 address; write it like 10.0.0.1 or 10.0.0.0/24.)" },
	{ RULE "  flows: [{addresses: [10.0.0.1/24]}]\n",
	  "3:24: policy[0].flows[0].addresses[0]: found \"10.0.0.1/24\", expected " ADDRESS
	  " (\"10.0.0.1/24\" has bits behind its prefix; clear them, or leave the prefix out to "
	  "mean "
	  "this one address.)" },
	{ RULE "  flows: [{addresses: [[]]}]\n",
	  "3:24: policy[0].flows[0].addresses[0]: found a list, expected " ADDRESS },
};

static void test_mistakes(void **state)
{
	check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
