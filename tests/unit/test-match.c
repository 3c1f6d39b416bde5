/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names, patterns, and which links of a machine the configuration means. */
#include "match.h"
#include "policy.h"
#include "testlib.h"

static void test_names(void **state)
{
	static const struct {
		const char *text, *name, *altnames;
		bool called, meant;
	} cases[] = {
		{ "eth0", "eth0", NULL, true, true },
		{ "eth0", "eth1", "enp1s0 eth0", true, true },
		{ "enp1s0", "eth1", "enp1s0 eth0", true, true },
		{ "enp1s", "eth1", "enp1s0 eth0", false, false },
		{ "enp1s0 eth0", "eth1", "enp1s0 eth0", false, false },
		{ "", "eth1", "enp1s0", false, false },
		{ "eth*", "eth0", NULL, false, true },
		{ "enp*", "eth0", "enp1s0", false, true },
		{ "*0", "eth1", NULL, false, false },
		{ "eth?", "eth10", NULL, false, false },
		{ "eth[01]", "eth1", NULL, false, true },
		{ "eth[!01]", "eth1", NULL, false, false },
		/* What is special in a pattern may be in a name. */
		{ "eth[0]", "eth[0]", NULL, true, true },
		{ "e*", "e*", NULL, true, true },
		{ "eth[", "eth0", NULL, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct interface_names names = { cases[i].name, cases[i].altnames };

		assert_int_equal(interface_is_called(&names, cases[i].text), cases[i].called);
		assert_int_equal(interface_is_meant(&names, cases[i].text), cases[i].meant);
	}
}

#define ALT "a-long-alternative-name"
static char alternatives[] = "enp1s0 " ALT, place[] = "pci-0000:3b:00.0";

static const struct nic_link machine[] = {
	{ .ifindex = 1, .name = "lo", .up = true },
	{ .ifindex = 2, .name = "eth0", .driver = "mlx5_core", .altnames = alternatives, .path = place,
	  .mac = "02:00:00:00:00:01" },
	{ .ifindex = 3, .name = "eth1", .driver = "mlx5_core", .mac = "02:00:00:00:00:02",
	  .permanent_mac = "02:00:00:00:00:03" },
	{ .ifindex = 4, .name = "eth2", .driver = "bnxt_en" },
	{ .ifindex = 5, .name = "bond0", .kind = "bond", .driver = "mlx5_core", .mac = "02:00:00:00:00:01",
	  .path = place },
};

static struct config *parse(const char *text)
{
	struct config *c = NULL;
	_cleanup_fault_ struct fault fault = {};

	if (config_parse(text, strlen(text), "test", &c, &fault) != 0)
		fail_msg("%s", fault.message);
	return c;
}

#define ENTRY(match) "interfaces: [{" match ", zero-copy-queues: 1}]"

static void test_entries(void **state)
{
	static const struct {
		const char *text, *matched; /* the indices of the links */
	} cases[] = {
		{ ENTRY("name: eth0"), "2" },
		{ ENTRY("name: " ALT), "2" },
		{ ENTRY("name: bond0"), "5" },
		{ ENTRY("name: lo"), "1" },
		{ ENTRY("name: 'e*'"), "234" },
		{ ENTRY("name: '*'"), "234" },
		{ ENTRY("name: 'enp*'"), "2" },
		{ ENTRY("name: 'eth[01]'"), "23" },
		{ ENTRY("name: 'bond?'"), "" },
		{ ENTRY("driver: mlx5_core"), "23" },
		{ ENTRY("driver: mlx5"), "" },
		{ ENTRY("driver: mlx5*"), "23" },
		{ ENTRY("driver: '*'"), "234" },
		{ ENTRY("mac: 02:00:00:00:00:01"), "2" },
		{ ENTRY("mac: 02:00:00:00:00:02"), "" },
		{ ENTRY("mac: 02:00:00:00:00:03"), "3" },
		{ ENTRY("path: pci-0000:3b:00.0"), "2" },
		{ ENTRY("path: pci-0000:3b:*"), "2" },
		{ ENTRY("path: 0000:3b:00.0"), "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(config_freep) struct config *c = parse(cases[i].text);
		char matched[ARRAY_SIZE(machine) + 1] = "";
		size_t n = 0;

		for (size_t k = 0; k < ARRAY_SIZE(machine); k++)
			if (nic_link_entry(&machine[k], c))
				matched[n++] = (char)('0' + machine[k].ifindex);
		assert_string_equal(matched, cases[i].matched);
	}
}

static void test_unmatched(void **state)
{
	static const struct {
		const char *text, *warning; /* the only one; NULL for none */
	} cases[] = {
		{ ENTRY("name: eth0"), NULL },
		{ ENTRY("name: 'enp*'"), NULL },
		{ ENTRY("name: 'ens*'"), "interfaces[0].name: no interface of this machine matches \"ens*\" "
					 "now. Here there are: eth0, eth1, eth2." },
		{ ENTRY("driver: mlx5"), "interfaces[0].driver: no interface of this machine matches "
					 "\"mlx5\" now (did you mean mlx5_core?). Here there are: mlx5_core, "
					 "bnxt_en." },
		{ ENTRY("driver: bnxt"), "interfaces[0].driver: no interface of this machine matches "
					 "\"bnxt\" now (did you mean bnxt_en?). Here there are: mlx5_core, "
					 "bnxt_en." },
		{ ENTRY("driver: x"), "interfaces[0].driver: no interface of this machine matches \"x\" now. "
				      "Here there are: mlx5_core, bnxt_en." },
		{ ENTRY("path: 0000:3b:00.0"), "interfaces[0].path: no interface of this machine matches "
					       "\"0000:3b:00.0\" now. Here there are: pci-0000:3b:00.0." },
		{ "policy: [{user: root, interfaces: [eth0]}]\n" ENTRY("name: eth0"), NULL },
		{ "policy: [{user: root, interfaces: [" ALT "]}]\n" ENTRY("name: eth0"), NULL },
		{ "policy: [{user: root, interfaces: [eth0]}]\n" ENTRY("driver: mlx5_core"), NULL },
		{ "policy: [{user: root, interfaces: ['eth*']}]\n" ENTRY("driver: mlx5_core"), NULL },
		{ "policy: [{user: root, interfaces: [eth1]}]\n" ENTRY("name: 'eth*'"), NULL },
		{ "policy: [{user: root, interfaces: [software]}]\nsoftware: {queues: 1}", NULL },
		{ "policy: [{user: root, interfaces: [eth0, eht1]}]\n" ENTRY("name: eth0"),
		  "policy[0].interfaces[1]: no entry under interfaces: is for \"eht1\", so that the rule at "
		  "line 1 allows nothing there." },
		/* It is there, but not zcrxd's. */
		{ "policy: [{user: root, interfaces: [eth2]}]\n" ENTRY("driver: mlx5_core"),
		  "policy[0].interfaces[0]: no entry under interfaces: is for \"eth2\", so that the rule at "
		  "line 1 allows nothing there." },
		{ "policy: [{user: root, interfaces: [software]}]\n" ENTRY("name: eth0"),
		  "policy[0].interfaces[0]: no entry under interfaces: is for \"software\", so that the rule "
		  "at line 1 allows nothing there." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(config_freep) struct config *c = parse(cases[i].text);
		char **warnings = NULL;
		size_t n = 0;

		assert_int_equal(config_find_unmatched(c, machine, ARRAY_SIZE(machine), &warnings, &n), 0);
		assert_int_equal(n, cases[i].warning != NULL);
		if (n > 0)
			take_and_compare(warnings[0], cases[i].warning);
		free(warnings);
	}
}

/* The rule may name the interface by any of its names, and several by a pattern. */
static void test_policy(void **state)
{
	static const struct {
		const char *listed;
		int r;
	} cases[] = {
		{ "eth0", 0 },	 { "enp1s0", 0 }, { ALT, 0 }, { "'e*'", 0 },
		{ "'enp?s0'", 0 }, { "eth1", ZCRX_PERMISSION_DENIED }, { "'x*'", ZCRX_PERMISSION_DENIED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct interface_names names = nic_link_names(&machine[1]);
		struct peer peer = { .uid = 1000, .where = WHERE_HOST };
		_cleanup_(config_freep) struct config *c = NULL;
		struct policy_usage none = {};
		char text[256];

		snprintf(text, sizeof(text), "policy: [{interfaces: [%s]}]", cases[i].listed);
		c = parse(text);
		assert_int_equal(policy_check_acquire(c, &peer, &names, 1, &none, NULL), cases[i].r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_unmatched),
		cmocka_unit_test(test_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
