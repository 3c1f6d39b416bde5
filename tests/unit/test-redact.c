/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may be shown to anybody of a report. */
#include "testlib.h"

#include "redact.h"

static const struct redaction list[] = {
	{ "eth1", "NIC" },
	{ "eth1.5", "VLAN" },
	{ "lo", "INTERFACE" },
	{ "box-7", "HOST" },
};

static void check(const char *text, const char *expected)
{
	_cleanup_free_ char *shown = NULL;

	assert_int_equal(redact(text, list, ARRAY_SIZE(list), &shown), 0);
	assert_string_equal(shown, expected);
}

static void test_names_go_where_they_are_words(void **state)
{
	check("eth1: link up on box-7", "NIC: link up on HOST");
	check("eth1eth1 eth10 xeth1 _eth1 eth1_q lower", "eth1eth1 eth10 xeth1 _eth1 eth1_q lower");
	check("(eth1-rx-3) eth1.5 lo", "(NIC-rx-3) VLAN INTERFACE");
	check("", "");
}

static void test_addresses_go(void **state)
{
	check("from 10.0.0.1:80 to 192.168.1.255.", "from IP-ADDRESS:80 to IP-ADDRESS.");
	check("02:00:5e:10:00:ff and 02-00-5E-10-00-FF", "MAC-ADDRESS and MAC-ADDRESS");
	check("fe80::1 ::1 2001:db8:0:1:2:3:4:5 ::ffff:10.9.0.1", "IP-ADDRESS IP-ADDRESS IP-ADDRESS IP-ADDRESS");
	check("mlx5_core 0000:3b:00.1 eth1: done", "mlx5_core PCI-ADDRESS NIC: done");
}

static void test_all_else_stays(void **state)
{
	static const char text[] = "  ethtool -S rxN_bytes: +123\n  queue 4: NAPI 8193 -> 8201\n  kernel: 7.2.12+deb13-amd64 "
				   "x86_64\n5. Registered: 12.345 ms\n  firmware: 28_41_1000\n";

	check(text, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_go_where_they_are_words),
		cmocka_unit_test(test_addresses_go),
		cmocka_unit_test(test_all_else_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
