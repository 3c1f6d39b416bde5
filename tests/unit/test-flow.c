/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Flows as text, and which overlaps, covers and equals which. */
#include "testlib.h"

#include "flow.h"

static struct flow_address address(enum flow_protocol p, const char *text)
{
	struct flow_address a = {};

	if (*text)
		assert_int_equal(flow_address_parse(p, text, "test", &a, NULL), 0);
	return a;
}

static struct flow flow(enum flow_protocol p, const char *source, unsigned source_port,
			const char *destination, unsigned destination_port)
{
	return (struct flow) { .protocol = p,
			       .source = address(p, source),
			       .source_port = (uint16_t)source_port,
			       .destination = address(p, destination),
			       .destination_port = (uint16_t)destination_port };
}

static void test_protocols(void **state)
{
	enum flow_protocol p;

	assert_string_equal(flow_protocol_to_string(FLOW_TCP4), "tcp4");
	assert_string_equal(flow_protocol_to_string(FLOW_TCP6), "tcp6");
	assert_int_equal(flow_protocol_from_string("tcp4", &p), 0);
	assert_int_equal(p, FLOW_TCP4);
	assert_int_equal(flow_protocol_from_string("tcp6", &p), 0);
	assert_int_equal(p, FLOW_TCP6);
	assert_int_equal(flow_protocol_from_string("tcp", &p), -EINVAL);
	assert_int_equal(flow_protocol_from_string("", &p), -EINVAL);
	assert_int_equal(flow_address_bits(FLOW_TCP4), 32);
	assert_int_equal(flow_address_bits(FLOW_TCP6), 128);
}

static void test_addresses(void **state)
{
	static const struct {
		enum flow_protocol p;
		const char *text, *canonical;
		unsigned prefix;
	} cases[] = {
		{ FLOW_TCP4, "10.0.0.1", "10.0.0.1", 32 },
		{ FLOW_TCP4, "10.0.0.1/32", "10.0.0.1", 32 },
		{ FLOW_TCP4, "10.0.0.0/24", "10.0.0.0/24", 24 },
		{ FLOW_TCP4, "128.0.0.0/1", "128.0.0.0/1", 1 },
		{ FLOW_TCP4, "10.9.8.6/31", "10.9.8.6/31", 31 },
		{ FLOW_TCP6, "fd09::1", "fd09::1", 128 },
		{ FLOW_TCP6, "FD09:0:0::0:1/128", "fd09::1", 128 },
		{ FLOW_TCP6, "fd09::/64", "fd09::/64", 64 },
		{ FLOW_TCP6, "fd09:8000::/17", "fd09:8000::/17", 17 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow_address a;
		char *s;

		assert_int_equal(flow_address_parse(cases[i].p, cases[i].text, "test", &a, NULL),
				 0);
		assert_int_equal(a.prefix, cases[i].prefix);
		assert_int_equal(flow_address_format(cases[i].p, &a, &s), 0);
		take_and_compare(s, cases[i].canonical);
	}
}

static void test_bad_addresses(void **state)
{
	static const struct {
		enum flow_protocol p;
		const char *text, *message;
	} cases[] = {
		{ FLOW_TCP4, "",
		  "\"\" is no IPv4 address; write it like 10.0.0.1 or 10.0.0.0/24." },
		{ FLOW_TCP4, "10.0.0", "is no IPv4 address" },
		{ FLOW_TCP4, "10.0.0.256", "is no IPv4 address" },
		{ FLOW_TCP4, "010.0.0.1", "is no IPv4 address" },
		{ FLOW_TCP4, " 10.0.0.1", "is no IPv4 address" },
		{ FLOW_TCP4, "fd09::1", "is no IPv4 address. An IPv6 address goes with tcp6." },
		{ FLOW_TCP4, "10.0.0.1:80", "is no IPv4 address. Leave the port out" },
		{ FLOW_TCP4, "*", "is no IPv4 address. Leaving the address out means any." },
		{ FLOW_TCP6, "[fd09::1]", "is no IPv6 address. Leave the brackets out" },
		{ FLOW_TCP4, "/24", "is no IPv4 address" },
		{ FLOW_TCP6, "10.0.0.1",
		  "is no IPv6 address; write it like fd09::1 or fd09::/64." },
		{ FLOW_TCP6, "fe80::1%eth0", "is no IPv6 address. Leave the zone (from the % on) out" },
		{ FLOW_TCP4, "10.0.0.1/",
		  "has no usable prefix length; it is a number from 1 to 32" },
		{ FLOW_TCP4, "10.0.0.1/0", "leaving the address out means any" },
		{ FLOW_TCP4, "10.0.0.1/33", "from 1 to 32" },
		{ FLOW_TCP4, "10.0.0.0/024", "from 1 to 32" },
		{ FLOW_TCP4, "10.0.0.0/2x", "from 1 to 32" },
		{ FLOW_TCP4, "10.0.0.0/-8", "from 1 to 32" },
		{ FLOW_TCP4, "10.0.0.0/24/24", "from 1 to 32" },
		{ FLOW_TCP4, "10.0.0.0/4294967320", "from 1 to 32" },
		{ FLOW_TCP6, "fd09::1/129", "from 1 to 128" },
		{ FLOW_TCP4, "10.0.0.1/24", "has bits behind its prefix; clear them" },
		{ FLOW_TCP6, "fd09::1/64", "has bits behind its prefix; clear them" },
		{ FLOW_TCP4, "0.0.0.0", "is not a valid host address; leaving it out means any." },
		{ FLOW_TCP6, "::", "is not a valid host address; leaving it out means any." },
		{ FLOW_TCP6, "::ffff:10.0.0.1", "is an IPv4 address in IPv6 clothes; use tcp4." },
		{ FLOW_TCP6, "::ffff:10.0.0.0/104", "use tcp4" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_fault_ struct fault f = {};
		struct flow_address a = { .prefix = 77 };

		assert_int_equal(flow_address_parse(cases[i].p, cases[i].text, "source", &a, &f),
				 ZCRX_INVALID_FLOW);
		assert_int_equal(a.prefix, 77);
		assert_string_equal(f.subject, "source");
		CHECK_CONTAINS(f.message, cases[i].message);
	}
}

static void test_format(void **state)
{
	static const struct {
		const char *source;
		unsigned source_port;
		const char *destination;
		unsigned destination_port;
		enum flow_protocol p;
		const char *text;
	} cases[] = {
		{ "", 0, "10.0.0.1", 9999, FLOW_TCP4, "tcp4,dst=10.0.0.1,dst-port=9999" },
		{ "", 0, "", 9999, FLOW_TCP4, "tcp4,dst-port=9999" },
		{ "10.0.0.0/24", 1000, "", 0, FLOW_TCP4, "tcp4,src=10.0.0.0/24,src-port=1000" },
		{ "fd09::2", 65535, "fd09::1", 1, FLOW_TCP6,
		  "tcp6,dst=fd09::1,dst-port=1,src=fd09::2,src-port=65535" },
		{ "", 0, "", 0, FLOW_TCP6, "tcp6" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow f = flow(cases[i].p, cases[i].source, cases[i].source_port,
				     cases[i].destination, cases[i].destination_port);
		char *s;

		assert_int_equal(flow_format(&f, &s), 0);
		take_and_compare(s, cases[i].text);
	}
}

static void expect_invalid(const struct flow *f, const char *field)
{
	_cleanup_fault_ struct fault fault = {};

	assert_int_equal(flow_validate(f, &fault), ZCRX_INVALID_FLOW);
	assert_string_equal(fault.subject, field);
}

static void test_validate(void **state)
{
	struct flow f = flow(FLOW_TCP4, "", 0, "", 9000);

	assert_int_equal(flow_validate(&f, NULL), 0);
	f = flow(FLOW_TCP4, "", 1, "", 0);
	assert_int_equal(flow_validate(&f, NULL), 0);
	f = flow(FLOW_TCP6, "fd09::/16", 0, "", 0);
	assert_int_equal(flow_validate(&f, NULL), 0);
	f = flow(FLOW_TCP6, "", 0, "fd09::1", 0);
	assert_int_equal(flow_validate(&f, NULL), 0);

	f = flow(FLOW_TCP4, "", 0, "", 0);
	expect_invalid(&f, "destinationPort");
	f = flow(FLOW_TCP4, "10.0.0.0/24", 0, "", 0);
	f.source.bytes[3] = 1;
	expect_invalid(&f, "source");
	f = flow(FLOW_TCP4, "10.0.0.1", 0, "", 0);
	f.source.bytes[4] = 1;
	expect_invalid(&f, "source");
	f = flow(FLOW_TCP4, "", 9, "10.0.0.1", 0);
	f.destination.prefix = 33;
	expect_invalid(&f, "destination");
	f = flow(FLOW_TCP6, "", 9, "fd09::1", 0);
	f.destination.prefix = 255;
	expect_invalid(&f, "destination");
	f = flow(FLOW_TCP4, "", 9, "", 0);
	f.protocol = (enum flow_protocol)7;
	expect_invalid(&f, "protocol");
}

enum { NONE = 0, OVERLAP = 1, A_COVERS_B = 2, B_COVERS_A = 4, SAME = 8 };
#define ALL (OVERLAP | A_COVERS_B | B_COVERS_A | SAME)

static void test_relations(void **state)
{
	static const struct {
		const char *a_source;
		unsigned a_source_port;
		const char *a;
		unsigned a_port;
		const char *b_source;
		unsigned b_source_port;
		const char *b;
		unsigned b_port;
		int expected;
	} cases[] = {
		{ "", 0, "10.0.0.1", 80, "", 0, "10.0.0.1", 80, ALL },
		{ "", 0, "10.0.0.1", 80, "", 0, "10.0.0.1", 81, NONE },
		{ "", 0, "10.0.0.1", 80, "", 0, "10.0.0.2", 80, NONE },
		{ "", 0, "", 80, "", 0, "10.0.0.1", 80, OVERLAP | A_COVERS_B },
		{ "", 0, "10.0.0.1", 0, "", 0, "10.0.0.1", 80, OVERLAP | A_COVERS_B },
		{ "", 0, "10.0.0.0/24", 80, "", 0, "10.0.0.1", 80, OVERLAP | A_COVERS_B },
		{ "", 0, "10.0.0.0/8", 80, "", 0, "10.0.0.0/24", 80, OVERLAP | A_COVERS_B },
		{ "", 0, "10.0.1.0/24", 80, "", 0, "10.0.0.0/24", 80, NONE },
		{ "", 0, "10.0.0.0/25", 80, "", 0, "10.0.0.128/25", 80, NONE },
		{ "", 0, "", 80, "10.0.0.2", 1000, "10.0.0.1", 80, OVERLAP | A_COVERS_B },
		{ "10.0.0.2", 0, "", 80, "", 1000, "", 80, OVERLAP },
		{ "", 0, "", 80, "", 1000, "", 0, OVERLAP },
		{ "10.0.0.2", 0, "", 80, "10.0.0.3", 0, "", 80, NONE },
		{ "", 1, "", 80, "", 2, "", 80, NONE },
		{ "10.0.0.2", 7, "10.0.0.1", 80, "10.0.0.2", 7, "10.0.0.1", 80, ALL },
		{ "10.0.0.0/24", 0, "10.0.0.1", 0, "10.0.0.2", 0, "10.0.0.0/24", 0, OVERLAP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow a = flow(FLOW_TCP4, cases[i].a_source, cases[i].a_source_port,
				     cases[i].a, cases[i].a_port);
		struct flow b = flow(FLOW_TCP4, cases[i].b_source, cases[i].b_source_port,
				     cases[i].b, cases[i].b_port);
		int e = cases[i].expected;

		assert_int_equal(flow_overlaps(&a, &b), !!(e & OVERLAP));
		assert_int_equal(flow_overlaps(&b, &a), !!(e & OVERLAP));
		assert_int_equal(flow_covers(&a, &b), !!(e & A_COVERS_B));
		assert_int_equal(flow_covers(&b, &a), !!(e & B_COVERS_A));
		assert_int_equal(flow_equal(&a, &b), !!(e & SAME));
		assert_int_equal(flow_equal(&b, &a), !!(e & SAME));
		b.protocol = FLOW_TCP6;
		assert_false(flow_overlaps(&a, &b));
		assert_false(flow_covers(&a, &b));
		assert_false(flow_equal(&a, &b));
	}
}

/* A one-bit prefix shorter or longer, at every length: nesting has no off-by-one. */
static void test_every_prefix(void **state)
{
	for (unsigned bits = 1; bits <= 128; bits++) {
		struct flow a = { .protocol = FLOW_TCP6, .destination.prefix = (uint8_t)bits };
		struct flow b = { .protocol = FLOW_TCP6, .destination.prefix = 128 };

		assert_true(flow_covers(&a, &b));
		b.destination.bytes[(bits - 1) / 8] |= 0x80 >> (bits - 1) % 8;
		assert_false(flow_overlaps(&a, &b));
		b.destination.bytes[(bits - 1) / 8] = 0;
		if (bits < 128) {
			b.destination.bytes[bits / 8] |= 0x80 >> bits % 8;
			assert_true(flow_covers(&a, &b));
			assert_false(flow_covers(&b, &a));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protocols),     cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_bad_addresses), cmocka_unit_test(test_format),
		cmocka_unit_test(test_validate),      cmocka_unit_test(test_relations),
		cmocka_unit_test(test_every_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
