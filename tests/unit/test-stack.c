/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is stacked on a device, from the list of links alone.
 */
#include "stack.h"
#include "testlib.h"

#define LIST(...) (const unsigned[]){ __VA_ARGS__ }, ARRAY_SIZE(((const unsigned[]){ __VA_ARGS__ }))

static const struct nic_link links[] = {
	{ .ifindex = 1, .name = "lo" },
	{ .ifindex = 2, .name = "plain" },
	{ .ifindex = 3, .name = "port0", .master = 5 },
	{ .ifindex = 4, .name = "port1", .master = 5 },
	{ .ifindex = 5, .name = "bond0", .kind = "bond", .master = 6 },
	{ .ifindex = 6, .name = "br0", .kind = "bridge" },
	{ .ifindex = 7, .name = "br0.5", .kind = "vlan", .below = 6 },
	{ .ifindex = 8, .name = "plain.7", .kind = "vlan", .below = 2 },
	{ .ifindex = 9, .name = "switched", .master = 10 },
	{ .ifindex = 10, .name = "ovs-system", .kind = "openvswitch" },
	{ .ifindex = 11, .name = "br-ex", .kind = "openvswitch" },
	{ .ifindex = 12, .name = "br-ex.3", .kind = "vlan", .below = 11 },
	/* As no kernel has it: one on the other. */
	{ .ifindex = 13, .name = "a", .below = 14 },
	{ .ifindex = 14, .name = "b", .below = 13 },
	{ .ifindex = 20, .name = "port2", .master = 22 },
	{ .ifindex = 21, .name = "port3", .master = 22 },
	{ .ifindex = 22, .name = "bond1", .kind = "bond" },
	{ .ifindex = 23, .name = "inner", .master = 6 },
	{ .ifindex = 24, .name = "bond1.4", .kind = "vlan", .below = 22 },
	{ .ifindex = 25, .name = "port2.4", .kind = "vlan", .below = 20 },
	{ .ifindex = 26, .name = "any", .kind = "dummy" },
	{ .ifindex = 27, .name = "plain.7.8", .kind = "vlan", .below = 8 },
	{ .ifindex = 28, .name = "c", .kind = "vlan", .below = 29 },
	{ .ifindex = 29, .name = "d", .kind = "vlan", .below = 28 },
};

static void expect(unsigned ifindex, const unsigned *expected, size_t n_expected)
{
	unsigned found[16];
	size_t n = stack_above(links, ARRAY_SIZE(links), ifindex, found, ARRAY_SIZE(found));

	assert_int_equal(n, n_expected);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(found[i], expected[i]);
}

static void test_above(void **state)
{
	unsigned few[2];

	(void)state;
	expect(1, LIST(1));
	expect(2, LIST(2, 8, 27));
	expect(3, LIST(3, 5, 6, 7));
	expect(5, LIST(5, 6, 7));
	expect(8, LIST(8, 27));
	expect(20, LIST(20, 22, 25, 24));
	expect(9, LIST(9, 10, 11, 12));
	expect(13, LIST(13, 14));
	expect(99, LIST(99)); /* gone by now */
	assert_int_equal(stack_above(links, ARRAY_SIZE(links), 3, few, 2), 2);
	assert_int_equal(stack_above(links, ARRAY_SIZE(links), 3, few, 0), 0);
	assert_int_equal(stack_above(NULL, 0, 3, few, 2), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_above),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
