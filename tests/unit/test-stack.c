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

static void test_devices_stacked_on_a_nic(void **state)
{
	unsigned few[2];

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

/* ------------------------------------------------------------------------- who receives */

static void expect_receiver(unsigned nic, unsigned receiver, const char *refusal)
{
	_cleanup_fault_ struct fault fault = {};
	const struct nic_link *link = links_find(links, ARRAY_SIZE(links), nic);
	struct stack_receiver r = {};
	int e = stack_receiver(links, ARRAY_SIZE(links), link, &r, &fault);

	assert_int_equal(e, refusal ? ZCRX_FLOW_NOT_PROVED : 0);
	if (refusal) {
		CHECK_CONTAINS(fault.message, refusal);
		return;
	}
	assert_int_equal(r.ifindex, receiver);
	assert_string_equal(r.name, links_find(links, ARRAY_SIZE(links), receiver)->name);
	assert_int_equal(r.bond, nic != receiver);
}

static void test_receiver(void **state)
{
	static const struct nic_link strange = { .ifindex = 99, .name = "eth9", .master = 98 };
	_cleanup_fault_ struct fault fault = {};
	struct stack_receiver r;

	expect_receiver(2, 2, NULL);
	expect_receiver(20, 22, NULL);
	expect_receiver(3, 0, "bond0 belongs to br0, whose sockets receive in its place");
	expect_receiver(9, 0, "switched belongs to ovs-system, whose");
	expect_receiver(23, 0, "inner belongs to br0, whose");
	/* Its master is not known (yet). */
	assert_int_equal(stack_receiver(links, ARRAY_SIZE(links), &strange, &r, &fault), ZCRX_FLOW_NOT_PROVED);
	CHECK_CONTAINS(fault.message, "eth9 belongs to another device");
}

static void test_place(void **state)
{
	static const struct {
		unsigned receiver, nic, at;
		enum address_place place;
	} rows[] = {
		{ 2, 2, 2, ADDRESS_HERE },
		{ 2, 2, 8, ADDRESS_VLAN },
		{ 2, 2, 27, ADDRESS_VLAN }, /* in a VLAN */
		{ 2, 2, 1, ADDRESS_HOST },
		{ 2, 2, 26, ADDRESS_HOST },
		{ 2, 2, 22, ADDRESS_ELSEWHERE },
		{ 2, 2, 24, ADDRESS_ELSEWHERE }, /* another one's VLAN */
		{ 2, 2, 99, ADDRESS_ELSEWHERE },
		{ 2, 2, 28, ADDRESS_ELSEWHERE }, /* a circle, as no kernel has it */
		{ 22, 20, 22, ADDRESS_HERE },
		{ 22, 20, 20, ADDRESS_ELSEWHERE }, /* the port's own: nobody receives there */
		{ 22, 20, 24, ADDRESS_VLAN },
		{ 22, 20, 25, ADDRESS_VLAN }, /* of the port itself */
		{ 22, 21, 25, ADDRESS_ELSEWHERE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct stack_receiver r = { .ifindex = rows[i].receiver };

		if (stack_place(links, ARRAY_SIZE(links), &r, rows[i].nic, rows[i].at) != rows[i].place)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices_stacked_on_a_nic),
		cmocka_unit_test(test_receiver),
		cmocka_unit_test(test_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
