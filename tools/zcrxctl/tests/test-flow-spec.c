/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The flow notation: what is taken, and exactly what is said of what is not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow-spec.h"

static void test_good(void **state)
{
	static const struct {
		const char *text, *canonical;
	} cases[] = {
		{ "tcp4", "tcp4" },
		{ "tcp6", "tcp6" },
		{ "tcp4,dst-port=9999", "tcp4,dst-port=9999" },
		{ "tcp4,dst-port=9999,dst=10.0.0.1/32,src=10.0.0.0/24,src-port=1000",
		  "tcp4,dst=10.0.0.1,dst-port=9999,src=10.0.0.0/24,src-port=1000" },
		{ "tcp4,src-port=1,dst-port=65535", "tcp4,dst-port=65535,src-port=1" },
		{ "tcp4,dst=10.128.0.0/9", "tcp4,dst=10.128.0.0/9" },
		{ "tcp6,dst=FD09:0::1,dst-port=80", "tcp6,dst=fd09::1,dst-port=80" },
		{ "tcp6,src=fd09::/16", "tcp6,src=fd09::/16" },
		{ "tcp6,src=fd09::1/128", "tcp6,src=fd09::1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow spec;
		struct flow_spec_error error;
		_cleanup_free_ char *text = NULL;

		assert_int_equal(flow_spec_parse(cases[i].text, &spec, &error), 0);
		assert_null(error.message);
		assert_int_equal(flow_format(&spec, &text), 0);
		assert_string_equal(text, cases[i].canonical);
	}
}

static void test_fields(void **state)
{
	struct flow spec;
	struct flow_spec_error error;

	assert_int_equal(
		flow_spec_parse("tcp4,dst-port=9999,dst=10.0.0.1,src=10.0.0.0/24,src-port=1000",
				&spec, &error),
		0);
	assert_int_equal(spec.protocol, FLOW_TCP4);
	assert_int_equal(spec.destination_port, 9999);
	assert_int_equal(spec.source_port, 1000);
	assert_int_equal(spec.destination.prefix, 32);
	assert_memory_equal(spec.destination.bytes, "\x0a\0\0\x01", 4);
	assert_int_equal(spec.source.prefix, 24);
	assert_memory_equal(spec.source.bytes, "\x0a\0\0\0", 4);

	assert_int_equal(flow_spec_parse("tcp6", &spec, &error), 0);
	assert_int_equal(spec.protocol, FLOW_TCP6);
	assert_int_equal(spec.destination.prefix, 0);
	assert_int_equal(spec.source.prefix, 0);
	assert_int_equal(spec.destination_port, 0);
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		size_t position, length;
		const char *message;
	} cases[] = {
		{ "", 0, 0, "'' is not a protocol; expected tcp4 or tcp6." },
		{ "udp4,dst-port=1", 0, 4, "'udp4' is not a protocol; expected tcp4 or tcp6." },
		{ "tcp", 0, 3, "'tcp' is not a protocol; expected tcp4 or tcp6." },
		{ "TCP4", 0, 4, "'TCP4' is not a protocol; expected tcp4 or tcp6." },
		{ "dst-port=1", 0, 10, "'dst-port=1' is not a protocol; expected tcp4 or tcp6." },
		{ "tcp4,", 5, 0, "'' is not a field; expected dst, dst-port, src or src-port." },
		{ "tcp4,,dst-port=1", 5, 0,
		  "'' is not a field; expected dst, dst-port, src or src-port." },
		{ "tcp4,dst-prt=9999", 5, 7,
		  "'dst-prt' is not a field; expected dst, dst-port, src or src-port." },
		{ "tcp4, dst-port=9", 5, 9,
		  "' dst-port' is not a field; expected dst, dst-port, src or src-port." },
		{ "tcp4,dst-port", 5, 8, "'dst-port' has no value; expected dst-port=PORT." },
		{ "tcp4,src=,dst-port=1", 5, 4,
		  "'src' has no value; expected src=ADDRESS[/PREFIX]." },
		{ "tcp4,dst-port=0", 14, 1, "'0' is not a port; expected 1 to 65535." },
		{ "tcp4,dst-port=65536", 14, 5, "'65536' is not a port; expected 1 to 65535." },
		{ "tcp4,dst-port=http", 14, 4, "'http' is not a port; expected 1 to 65535." },
		{ "tcp4,dst-port=80-90", 14, 5, "'80-90' is not a port; expected 1 to 65535." },
		{ "tcp4,dst-port=1,dst-port=2", 16, 10, "'dst-port' is given twice." },
		{ "tcp4,dst=fd09::1", 9, 7, "\"fd09::1\" is no IPv4 address. An IPv6 address goes with tcp6." },
		{ "tcp4,dst=10.0.0.1:80", 9, 11,
		  "\"10.0.0.1:80\" is no IPv4 address. Leave the port out: it is said apart from the address." },
		{ "tcp6,dst=[fd09::1]", 9, 9, "\"[fd09::1]\" is no IPv6 address. Leave the brackets out; a "
					      "port is said apart from the address." },
		{ "tcp4,dst=*,dst-port=1", 9, 1,
		  "\"*\" is no IPv4 address. Leaving the address out means any." },
		{ "tcp4,dst=10.0.0", 9, 6,
		  "\"10.0.0\" is no IPv4 address; write it like 10.0.0.1 or 10.0.0.0/24." },
		{ "tcp6,src=10.0.0.1", 9, 8,
		  "\"10.0.0.1\" is no IPv6 address; write it like fd09::1 or fd09::/64." },
		{ "tcp6,src=fe80::1%eth0", 9, 12, "\"fe80::1%eth0\" is no IPv6 address. "
		  "Leave the zone (from the % on) out: a flow is on the interface of its lease." },
		{ "tcp4,dst=10.0.0.0/33", 9, 11, "\"10.0.0.0/33\" has no usable prefix length; it is a number "
		  "from 1 to 32, and leaving the address out means any." },
		{ "tcp6,dst=::/0", 9, 4, "\"::/0\" has no usable prefix length; it is a number "
		  "from 1 to 128, and leaving the address out means any." },
		{ "tcp4,dst=10.0.0.1/24", 9, 11, "\"10.0.0.1/24\" has bits behind its prefix; clear them, or "
		  "leave the prefix out to mean this one address." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow spec = { .source_port = 42 };
		struct flow_spec_error error;

		assert_int_equal(flow_spec_parse(cases[i].text, &spec, &error), -EINVAL);
		assert_string_equal(error.message, cases[i].message);
		assert_int_equal(error.position, cases[i].position);
		assert_int_equal(error.length, cases[i].length);
		assert_int_equal(spec.source_port, 42); /* written only on success */
		free(error.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
