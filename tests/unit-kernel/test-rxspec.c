/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows as the kernel's rules and back: every flow survives the way; a rule that says more than a
 * flow can is never taken for one.
 */
#include <arpa/inet.h>

#include "rxnfc.h"
#include "testlib.h"

static void random_address(uint64_t *seed, enum flow_protocol p, struct flow_address *ret)
{
	*ret = (struct flow_address) {
		.prefix = (uint8_t)test_between(seed, 0, flow_address_bits(p)),
	};
	for (unsigned bit = 0; bit < ret->prefix; bit++)
		if (test_random(seed) & 1)
			ret->bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

static void test_round_trip(void **state)
{
	uint64_t seed = 7;

	for (unsigned i = 0; i < 20000; i++) {
		struct flow flow = { .protocol = test_random(&seed) & 1 ? FLOW_TCP4 : FLOW_TCP6 };
		struct ethtool_rxnfc nfc = {};
		struct nic_rule rule;

		random_address(&seed, flow.protocol, &flow.source);
		random_address(&seed, flow.protocol, &flow.destination);
		flow.source_port = (uint16_t)(test_random(&seed) & 1 ? test_random(&seed) : 0);
		flow.destination_port = (uint16_t)(test_random(&seed) & 1 ? test_random(&seed) : 0);
		rxnfc_from_flow(&flow, &(struct rule_target) { RULE_TO_QUEUE, 7 }, &nfc);
		nfc.fs.location = i;
		rxnfc_to_rule(&nfc, &rule);
		assert_true(rule.understood);
		assert_true(flow_equal(&rule.flow, &flow));
		assert_int_equal(rule.action, RULE_TO_QUEUE);
		assert_int_equal(rule.target, 7);
		assert_int_equal(rule.location, i);
	}
}

static struct flow sample(enum flow_protocol p)
{
	return (struct flow) {
		.protocol = p,
		.destination = { .bytes = { 10, 9, 0, 1 }, .prefix = 32 },
		.destination_port = 9000,
	};
}

static void test_bytes(void **state)
{
	const struct flow flow = sample(FLOW_TCP4);
	const struct rule_target target = { RULE_TO_QUEUE, 7 }, context = { RULE_TO_CONTEXT, 3 };
	struct ethtool_rx_flow_spec fs;
	struct ethtool_rxnfc nfc;

	rxnfc_from_flow(&flow, &target, &nfc);
	fs = nfc.fs;
	assert_int_equal(fs.flow_type, TCP_V4_FLOW);
	assert_int_equal(fs.h_u.tcp_ip4_spec.ip4dst, htonl(0x0a090001));
	assert_int_equal(fs.m_u.tcp_ip4_spec.ip4dst, 0xffffffff); /* a one must match */
	assert_int_equal(fs.h_u.tcp_ip4_spec.pdst, htons(9000));
	assert_int_equal(fs.m_u.tcp_ip4_spec.pdst, 0xffff);
	assert_int_equal(fs.m_u.tcp_ip4_spec.ip4src, 0);
	assert_int_equal(fs.m_u.tcp_ip4_spec.psrc, 0);
	assert_int_equal(fs.ring_cookie, 7);
	assert_int_equal(nfc.rss_context, 0);

	rxnfc_from_flow(&flow, &context, &nfc);
	assert_int_equal(nfc.fs.flow_type, TCP_V4_FLOW | FLOW_RSS);
	assert_int_equal(nfc.fs.ring_cookie, 0); /* no offset */
	assert_int_equal(nfc.rss_context, 3);
	assert_memory_equal(&nfc.fs.h_u, &fs.h_u, sizeof(fs.h_u));
}

static void test_actions(void **state)
{
	const struct {
		uint64_t cookie;
		uint32_t flags;
		enum rule_action action;
		uint32_t target;
	} cases[] = {
		{ 5, 0, RULE_TO_QUEUE, 5 },
		{ RX_CLS_FLOW_DISC, 0, RULE_DROP, 0 },
		{ RX_CLS_FLOW_WAKE, 0, RULE_OTHER, 0 },
		{ 5 | 1ULL << 32, 0, RULE_OTHER, 0 }, /* queue 5 of a virtual function */
		{ 0, FLOW_RSS, RULE_TO_CONTEXT, 3 },
		{ 5, FLOW_RSS, RULE_TO_CONTEXT, 3 },
		{ 5, FLOW_EXT, RULE_TO_QUEUE, 5 },
	};
	const struct flow flow = sample(FLOW_TCP4);
	struct nic_rule rule;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ethtool_rxnfc nfc = {};

		rxnfc_from_flow(&flow, &(struct rule_target) { RULE_TO_QUEUE, 0 }, &nfc);
		nfc.rss_context = 3;
		nfc.fs.ring_cookie = cases[i].cookie;
		nfc.fs.flow_type |= cases[i].flags;
		rxnfc_to_rule(&nfc, &rule);
		assert_int_equal(rule.action, cases[i].action);
		assert_int_equal(rule.target, cases[i].target);
		assert_true(rule.understood);
	}
}

static void mask_hole(struct ethtool_rx_flow_spec *fs)
{
	fs->m_u.tcp_ip4_spec.ip4dst = htonl(0xff00ff00);
}

static void mask_port(struct ethtool_rx_flow_spec *fs)
{
	fs->m_u.tcp_ip4_spec.pdst = htons(0xff00);
}

static void port_zero(struct ethtool_rx_flow_spec *fs)
{
	fs->h_u.tcp_ip4_spec.pdst = 0;
}

static void type_of_service(struct ethtool_rx_flow_spec *fs)
{
	fs->m_u.tcp_ip4_spec.tos = 0xff;
}

static void vlan(struct ethtool_rx_flow_spec *fs)
{
	fs->flow_type |= FLOW_EXT;
	fs->m_ext.vlan_tci = htons(0xfff);
}

static void mac(struct ethtool_rx_flow_spec *fs)
{
	fs->flow_type |= FLOW_MAC_EXT;
	fs->m_ext.h_dest[5] = 0xff;
}

static void user_data(struct ethtool_rx_flow_spec *fs)
{
	fs->flow_type |= FLOW_EXT;
	fs->m_ext.data[1] = 1;
}

static void udp(struct ethtool_rx_flow_spec *fs)
{
	fs->flow_type = UDP_V4_FLOW;
}

static void ether(struct ethtool_rx_flow_spec *fs)
{
	fs->flow_type = ETHER_FLOW;
}

static void ip_any(struct ethtool_rx_flow_spec *fs)
{
	fs->flow_type = IPV4_USER_FLOW;
	fs->m_u.usr_ip4_spec.proto = 0;
}

static void ip_tcp(struct ethtool_rx_flow_spec *fs)
{
	fs->flow_type = IPV4_USER_FLOW;
	fs->h_u.usr_ip4_spec.proto = IPPROTO_TCP;
	fs->m_u.usr_ip4_spec.proto = 0xff;
}

static void ip_udp(struct ethtool_rx_flow_spec *fs)
{
	ip_tcp(fs);
	fs->h_u.usr_ip4_spec.proto = IPPROTO_UDP;
}

static void test_not_understood(void **state)
{
	void (*const changes[])(struct ethtool_rx_flow_spec *) = {
		mask_hole, mask_port, port_zero, type_of_service, vlan, mac, user_data, udp, ether, ip_udp,
		ip_tcp, ip_any,
	};
	const struct flow flow = sample(FLOW_TCP4), none = {};
	struct nic_rule rule;

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct ethtool_rxnfc nfc = {};

		rxnfc_from_flow(&flow, &(struct rule_target) { RULE_TO_QUEUE, 7 }, &nfc);
		changes[i](&nfc.fs);
		rxnfc_to_rule(&nfc, &rule);
		assert_false(rule.understood);
		assert_int_equal(rule.other_protocol, changes[i] == udp || changes[i] == ip_udp);
		assert_memory_equal(&rule.flow, &none, sizeof(none));
		assert_int_equal(rule.target, 7); /* where it leads is known all the same */
	}
}

/* Drivers leave garbage under a zero mask. */
static void test_values_under_the_mask(void **state)
{
	const struct flow flow = sample(FLOW_TCP4);
	struct ethtool_rxnfc nfc = {};
	struct nic_rule rule;

	rxnfc_from_flow(&flow, &(struct rule_target) { RULE_TO_QUEUE, 7 }, &nfc);
	nfc.fs.h_u.tcp_ip4_spec.ip4src = 0x12345678;
	nfc.fs.h_u.tcp_ip4_spec.psrc = 0x1234;
	nfc.fs.h_u.tcp_ip4_spec.tos = 9;
	rxnfc_to_rule(&nfc, &rule);
	assert_true(rule.understood);
	assert_true(flow_equal(&rule.flow, &flow));
}

static void test_any_bytes(void **state)
{
	uint64_t seed = 9;

	for (unsigned i = 0; i < 20000; i++) {
		union {
			struct ethtool_rxnfc nfc;
			uint8_t bytes[sizeof(struct ethtool_rxnfc)];
		} u;
		struct nic_rule rule;

		for (size_t k = 0; k < sizeof(u); k++)
			u.bytes[k] = (uint8_t)test_random(&seed);
		if (i & 1)
			u.nfc.fs.flow_type = TCP_V6_FLOW;
		rxnfc_to_rule(&u.nfc, &rule);
		assert_true(!rule.understood || rule.flow.protocol < _FLOW_PROTOCOL_MAX);
	}
}

static void test_other_fields(void **state)
{
	struct flow flow = sample(FLOW_TCP4), six = sample(FLOW_TCP6);
	struct nic_rule rules[] = {
		{ .location = 1, .understood = true, .flow = six },
		{ .location = 2, .flow = { .protocol = FLOW_TCP4, .source_port = 3 } },
		{ .location = 3, .understood = true, .flow = flow },
		{ .location = 4, .understood = true, .flow = flow },
	};

	rules[2].flow.destination.prefix = 24;
	rules[3].flow.source_port ^= 1;
	/* Another flow type, and one that nobody can read, say nothing. */
	assert_null(rxnfc_other_fields(&flow, rules, 2));
	assert_ptr_equal(rxnfc_other_fields(&flow, rules, 3), &rules[2]);
	assert_ptr_equal(rxnfc_other_fields(&flow, rules, 4), &rules[2]);
	/* What was taken before cannot be the reason now. */
	rules[3].flow = flow;
	rules[3].flow.destination_port++;
	assert_null(rxnfc_other_fields(&flow, rules, 4));
	assert_true(rxnfc_same_fields(&rules[3].flow, &flow));
	assert_false(rxnfc_same_fields(&rules[2].flow, &flow));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_not_understood),
		cmocka_unit_test(test_values_under_the_mask),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_other_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
