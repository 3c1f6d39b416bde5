/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether SYN cookies are out, by what the kernel counts of them.
 */
#include "cookies.h"
#include "regular-file.h"
#include "testlib.h"

#define MINUTE 60000000ULL

static void test_count(void **state)
{
	static const char text[] = "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed TW\n"
				   "TcpExt: 20 3 7 100\nIpExt: InNoRoutes\nIpExt: 5\n";
	uint64_t n = 0;

	assert_true(cookies_count(text, &n));
	assert_true(n == 23);
	assert_true(cookies_count(
		"IpExt: A\nIpExt: 1\nTcpExt: TW SyncookiesRecv SyncookiesSent\nTcpExt: 9 1 2\n",
		&n));
	assert_true(n == 3);
}

static void test_no_count(void **state)
{
	static const char *const texts[] = {
		"",
		"TcpExt: SyncookiesSent SyncookiesRecv\n",
		"TcpExt: SyncookiesSent\nTcpExt: 1\n",
		"TcpExt: SyncookiesSent SyncookiesRecv\nTcpExt: 1\n",
		"TcpExt: SyncookiesSentX SyncookiesRecv\nTcpExt: 1 2\n",
		"TcpExt: SyncookiesSent SyncookiesRecv\nTcpExt: 1 x\n",
	};
	uint64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_false(cookies_count(texts[i], &n));
}

/* As this kernel writes it. */
static void test_count_of_the_kernel(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	uint64_t n;

	assert_int_equal(regular_file_read("/proc/net/netstat", 0, 65536, &text, &size), 0);
	assert_true(cookies_count(text, &n));
}

static void test_none_was_ever_sent(void **state)
{
	struct cookie_count last = {};

	assert_false(cookies_are_out(&last, 0, 0));
	assert_false(cookies_are_out(&last, 0, MINUTE));
}

/* When those were sent that were counted before we looked first, nobody knows. */
static void test_they_end(void **state)
{
	struct cookie_count last = {};

	assert_true(cookies_are_out(&last, 5, 100 * MINUTE));
	assert_true(cookies_are_out(&last, 5, 103 * MINUTE));
	assert_false(cookies_are_out(&last, 5, 104 * MINUTE));
	assert_false(cookies_are_out(&last, 5, 1000 * MINUTE));
	assert_true(cookies_are_out(&last, 6, 1001 * MINUTE));
	assert_true(cookies_are_out(&last, 6, 1004 * MINUTE));
	assert_true(cookies_are_out(&last, 7, 1005 * MINUTE));
	assert_true(cookies_are_out(&last, 7, 1008 * MINUTE));
	assert_false(cookies_are_out(&last, 7, 1009 * MINUTE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_no_count),
		cmocka_unit_test(test_count_of_the_kernel),
		cmocka_unit_test(test_none_was_ever_sent),
		cmocka_unit_test(test_they_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
