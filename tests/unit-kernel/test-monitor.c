/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The filter of the socket that tells of the ends of sockets: on a real one, which tells how long it is.
 */
#include <linux/netlink.h>
#include <sys/socket.h>

#include "monitor.h"
#include "sockdiag.h"
#include "testlib.h"

static void test_filter(void **state)
{
	static const uint64_t cookies[SOCKDIAG_FILTER_MAX + 1] = { 1, 1ULL << 32, UINT64_MAX };
	_cleanup_(netlink_done) struct netlink diag = {};

	assert_int_equal(netlink_open(&diag, NETLINK_SOCK_DIAG), 0);
	assert_int_equal(sockdiag_filter(netlink_fd(&diag), NULL, 0), 0);
	assert_int_equal(sockdiag_filter(netlink_fd(&diag), cookies, 3), 0);
	assert_int_equal(sockdiag_filter(netlink_fd(&diag), cookies, SOCKDIAG_FILTER_MAX), 0);
	assert_int_equal(sockdiag_filter(netlink_fd(&diag), cookies, SOCKDIAG_FILTER_MAX + 1), 0);
}

/* Instructions of the filter for the ends of sockets: two for each that is awaited, and two more. */
static unsigned filter_length(const struct monitor *m)
{
	socklen_t n = 0;

	assert_int_equal(getsockopt(netlink_fd(&m->diag), SOL_SOCKET, SO_GET_FILTER, NULL, &n), 0);
	return n;
}

/* With too many for a filter every socket's end wakes us up, but only as long as there are. */
static void test_filter_comes_back(void **state)
{
	struct monitor m = {};

	assert_int_equal(netlink_open(&m.diag, NETLINK_SOCK_DIAG), 0);
	for (uint64_t cookie = 1; cookie <= SOCKDIAG_FILTER_MAX; cookie++)
		assert_int_equal(monitor_await_socket(&m, cookie), 0);
	assert_int_equal(filter_length(&m), SOCKDIAG_FILTER_MAX * 2 + 2);
	assert_int_equal(monitor_await_socket(&m, 1000), 0);
	assert_int_equal(monitor_await_socket(&m, 1001), 0);
	assert_int_equal(filter_length(&m), 2);
	monitor_forget_socket(&m, 7);
	assert_int_equal(filter_length(&m), 2);
	monitor_forget_socket(&m, 8);
	assert_int_equal(filter_length(&m), SOCKDIAG_FILTER_MAX * 2 + 2);
	/* Who is awaited twice is forgotten with the second time. */
	assert_int_equal(monitor_await_socket(&m, 1000), 0);
	monitor_forget_socket(&m, 1000);
	assert_int_equal(filter_length(&m), SOCKDIAG_FILTER_MAX * 2 + 2);
	for (uint64_t cookie = 1; cookie <= 1001; cookie++)
		monitor_forget_socket(&m, cookie);
	/* None is made anew for who is forgotten; the next one has nobody else's. */
	assert_int_equal(filter_length(&m), SOCKDIAG_FILTER_MAX * 2 + 2);
	assert_int_equal(monitor_await_socket(&m, 2000), 0);
	assert_int_equal(filter_length(&m), 4);
	free(m.cookies);
	netlink_done(&m.diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_filter_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
