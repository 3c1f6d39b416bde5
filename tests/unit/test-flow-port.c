/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether what a socket proves is for it alone: who receives it, and who else is at its port. */
#include "testlib.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>

#include "flow.h"

#define IFINDEX 7

static struct local_address addresses[4];

static int setup(void **state)
{
	addresses[0].protocol = FLOW_TCP4;
	inet_pton(AF_INET, "10.9.0.1", addresses[0].bytes);
	addresses[1].protocol = FLOW_TCP6;
	inet_pton(AF_INET6, "fd09::1", addresses[1].bytes);
	addresses[2].protocol = FLOW_TCP4;
	inet_pton(AF_INET, "10.9.0.5", addresses[2].bytes);
	addresses[3] = addresses[0]; /* the same with another prefix length */
	return 0;
}

static struct socket_facts facts(int domain, const char *local, unsigned port, int tcp_state)
{
	struct socket_facts f = {
		.domain = domain,
		.type = SOCK_STREAM,
		.protocol = IPPROTO_TCP,
		.tcp_state = tcp_state,
		.same_netns = true,
		.local_port = (uint16_t)port,
		.cookie = 1,
	};

	assert_int_equal(inet_pton(domain, local, f.local), 1);
	return f;
}

static struct port_socket holder(int domain, const char *local, uid_t uid)
{
	struct port_socket s = { .domain = domain, .port = 9000, .uid = uid };

	assert_int_equal(inet_pton(domain, local, s.local), 1);
	return s;
}

/* Who else has port 9000, where a listener of uid 1000, sent by uid 1001, proves 10.9.0.1 and
 * fd09::1. */
static void test_port(void **state)
{
	struct socket_facts f = facts(AF_INET6, "::", 9000, TCP_LISTEN);
	_cleanup_free_ struct flow *flows = NULL;
	struct port_socket other;
	const struct {
		int domain;
		const char *local;
		bool v6_only;
		unsigned bound_index;
		uid_t uid;
		bool refused;
	} cases[] = {
		{ AF_INET, "10.9.0.1", false, 0, 1002, true },
		{ AF_INET, "0.0.0.0", false, 0, 1002, true },
		{ AF_INET6, "fd09::1", false, 0, 1002, true },
		{ AF_INET6, "::", false, 0, 1002, true },
		{ AF_INET6, "::", true, 0, 1002, true },
		{ AF_INET6, "::ffff:10.9.0.1", false, 0, 1002, true },
		{ AF_INET6, "::ffff:0.0.0.0", false, 0, 1002, true },
		{ AF_INET, "10.9.0.1", false, IFINDEX, 1002, true },
		{ AF_INET, "10.9.0.1", false, 0, 0, true },
		/* Its owner's, and the sender's. */
		{ AF_INET, "10.9.0.1", false, 0, 1000, false },
		{ AF_INET, "10.9.0.1", false, 0, 1001, false },
		/* Nothing of these flows gets there. */
		{ AF_INET, "10.9.0.1", false, IFINDEX + 1, 1002, false },
		{ AF_INET, "10.9.0.2", false, 0, 1002, false },
		{ AF_INET, "127.0.0.1", false, 0, 1002, false },
		{ AF_INET6, "fd09::2", false, 0, 1002, false },
		{ AF_INET6, "::ffff:127.0.0.1", false, 0, 1002, false },
		{ AF_INET6, "a09:1::", false, 0, 1002, false },
	};
	bool wildcard;
	size_t n;

	assert_int_equal(
		flows_from_socket(&f, IFINDEX, "zc0", addresses, 2, &flows, &n, &wildcard, NULL),
		0);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_fault_ struct fault fault = {};
		int r;

		other = holder(cases[i].domain, cases[i].local, cases[i].uid);
		other.v6_only = cases[i].v6_only;
		other.bound_index = cases[i].bound_index;
		r = flow_check_port(flows, n, IFINDEX, 1000, 1001, &other, 1, &fault);
		assert_int_equal(r, cases[i].refused ? ZCRX_FLOW_NOT_PROVED : 0);
		if (r != 0)
			CHECK_CONTAINS(fault.message, "port 9000, too");
	}
	/* For tcp6 only, a dual-stack wildcard stands in nobody's way that speaks IPv4. */
	other = holder(AF_INET6, "::", 1002);
	other.v6_only = true;
	assert_int_equal(flow_check_port(flows, 1, IFINDEX, 1000, 1001, &other, 1, NULL), 0);
}

/* Root may see everything. */
static void test_port_of_root(void **state)
{
	struct socket_facts f = facts(AF_INET, "10.9.0.1", 9000, TCP_LISTEN);
	struct port_socket other = holder(AF_INET, "10.9.0.1", 1002);
	_cleanup_free_ struct flow *flows = NULL;
	bool wildcard;
	size_t n;

	assert_int_equal(
		flows_from_socket(&f, IFINDEX, "zc0", addresses, 2, &flows, &n, &wildcard, NULL),
		0);
	assert_int_equal(flow_check_port(flows, n, IFINDEX, 1000, 0, &other, 1, NULL), 0);
	assert_int_equal(flow_check_port(flows, n, IFINDEX, 0, 1000, &other, 1, NULL),
			 ZCRX_FLOW_NOT_PROVED);
	other.port = 9001;
	assert_int_equal(flow_check_port(flows, n, IFINDEX, 0, 1000, &other, 1, NULL), 0);
}

/* What was switched on for a listener, whosever it is; who shows it may even be root. */
static void test_extensions(void **state)
{
	static const struct {
		enum socket_extension extension;
		const char *ulp;
		bool listening;
		unsigned bound_index;
		const char *why; /* NULL: accepted */
	} cases[] = {
		{ SOCKET_PLAIN, "", true, 0, NULL },
		{ SOCKET_TCP_MD5, "", true, 0, "A listener at port 9000 has keys for TCP MD5" },
		{ SOCKET_TCP_MD5, "", true, IFINDEX, "keys for TCP MD5" },
		{ SOCKET_TCP_MD5, "", true, IFINDEX + 1, NULL },
		{ SOCKET_TCP_MD5, "", false, 0, NULL }, /* nobody could tell */
		{ SOCKET_ULP, "mptcp", true, 0, "has MPTCP on top of TCP" },
		{ SOCKET_ULP, "tls", true, 0, "has tls on top of TCP" },
		{ SOCKET_ULP, "", true, 0, "has a protocol on top of TCP" },
		{ SOCKET_UNTOLD, "", true, 0, "does not say what was switched on for a listener at port "
					      "9000" },
		{ SOCKET_UNTOLD, "", false, 0, NULL },
	};
	struct socket_facts f = facts(AF_INET, "10.9.0.1", 9000, TCP_LISTEN);
	_cleanup_free_ struct flow *flows = NULL;
	bool wildcard;
	size_t n;

	assert_int_equal(
		flows_from_socket(&f, IFINDEX, "zc0", addresses, 2, &flows, &n, &wildcard, NULL),
		0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (uid_t uid = 0; uid <= 1000; uid += 1000) {
			struct port_socket s = holder(AF_INET, "0.0.0.0", 1000);
			_cleanup_fault_ struct fault fault = {};

			s.listening = cases[i].listening;
			s.extension = cases[i].extension;
			s.bound_index = cases[i].bound_index;
			strcpy(s.ulp, cases[i].ulp);
			assert_int_equal(flow_check_port(flows, n, IFINDEX, 1000, uid, &s, 1, &fault),
					 cases[i].why ? ZCRX_FLOW_NOT_PROVED : 0);
			if (cases[i].why)
				CHECK_CONTAINS(fault.message, cases[i].why);
		}
}

/* Whom the kernel gives a flow to that a socket of uid 1000 with cookie 1 has proved. */
static void test_receiver(void **state)
{
	static const struct {
		int was; /* when it was shown */
		struct socket_receiver receiver;
		const char *why; /* NULL: accepted */
	} cases[] = {
		{ TCP_LISTEN, { 0, 0, 0 }, "does not receive at port 9000 (any more)" },
		{ TCP_ESTABLISHED, { 0, 0, 0 }, "does not receive at port 9000 (any more)" },
		{ TCP_LISTEN, { 1, TCP_LISTEN, 1000 }, NULL },
		{ TCP_LISTEN, { 1, TCP_LISTEN, 1001 }, NULL }, /* of whom it is, it is that one */
		{ TCP_ESTABLISHED, { 1, TCP_ESTABLISHED, 1000 }, NULL },
		{ TCP_ESTABLISHED, { 1, TCP_CLOSE_WAIT, 1000 }, NULL },
		/* Disconnected, and something else since. */
		{ TCP_LISTEN, { 1, TCP_ESTABLISHED, 1000 }, "no longer what it was when it was sent, "
							    "a listener" },
		{ TCP_ESTABLISHED, { 1, TCP_LISTEN, 1000 }, "no longer what it was when it was sent, "
							    "connected" },
		{ TCP_LISTEN, { 2, TCP_LISTEN, 1000 }, NULL }, /* SO_REUSEPORT */
		{ TCP_LISTEN, { 2, TCP_LISTEN, 1001 }, "for another socket (of uid 1001)" },
		{ TCP_LISTEN, { 2, TCP_ESTABLISHED, 1000 }, "for another socket (of uid 1000)" },
		{ TCP_ESTABLISHED, { 2, TCP_ESTABLISHED, 1000 }, "for another socket (of uid 1000)" },
		{ TCP_ESTABLISHED, { 2, TCP_LISTEN, 1000 }, "for another socket (of uid 1000)" },
	};
	const struct flow flow = { .destination_port = 9000 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct socket_facts f = facts(AF_INET, "10.9.0.1", 9000, cases[i].was);
		_cleanup_fault_ struct fault fault = {};

		f.uid = 1000;
		assert_int_equal(flow_check_receiver(&f, &flow, &cases[i].receiver, &fault),
				 cases[i].why ? ZCRX_FLOW_NOT_PROVED : 0);
		if (cases[i].why)
			CHECK_CONTAINS(fault.message, cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_port_of_root),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_receiver),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
