/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which socket proves which flows: every reason to refuse, and every form that is accepted. */
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

static struct socket_facts connected(int domain, const char *local, const char *remote)
{
	struct socket_facts f = facts(domain, local, 9000, TCP_ESTABLISHED);

	assert_int_equal(inet_pton(domain, remote, f.remote), 1);
	f.remote_port = 40000;
	return f;
}

static void refuse(const struct socket_facts *f, const char *why)
{
	_cleanup_fault_ struct fault fault = {};
	struct flow *flows = NULL;
	bool wildcard = true;
	size_t n = 77;

	assert_int_equal(flows_from_socket(f, IFINDEX, "zc0", addresses, ARRAY_SIZE(addresses),
					   &flows, &n, &wildcard, &fault),
			 ZCRX_FLOW_NOT_PROVED);
	assert_null(flows);
	assert_int_equal(n, 77);
	CHECK_CONTAINS(fault.message, why);
}

/* `expected` is the flows as text, separated by blanks. */
static void prove(const struct socket_facts *f, size_t n_addresses, bool expect_wildcard,
		  const char *expected)
{
	_cleanup_free_ struct flow *flows = NULL;
	char text[512] = "";
	bool wildcard;
	size_t n;

	assert_int_equal(flows_from_socket(f, IFINDEX, "zc0", addresses, n_addresses, &flows, &n,
					   &wildcard, NULL),
			 0);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *s = NULL;

		assert_int_equal(flow_format(&flows[i], &s), 0);
		assert_int_equal(flow_validate(&flows[i], NULL), 0);
		/* Whatever it is: never a rule without a destination address. */
		assert_int_equal(flows[i].destination.prefix, flow_address_bits(flows[i].protocol));
		if (i)
			strcat(text, " ");
		strcat(text, s);
	}
	assert_string_equal(text, expected);
	assert_int_equal(wildcard, expect_wildcard);
}

static void test_not_tcp(void **state)
{
	struct socket_facts f;

	f = facts(AF_INET, "10.9.0.1", 9000, TCP_LISTEN);
	f.type = SOCK_DGRAM;
	refuse(&f, "no TCP socket");
	f = facts(AF_INET, "10.9.0.1", 9000, TCP_LISTEN);
	f.type = SOCK_SEQPACKET;
	refuse(&f, "no TCP socket");
	f = facts(AF_INET, "10.9.0.1", 9000, TCP_LISTEN);
	f.domain = AF_UNIX;
	refuse(&f, "no TCP socket");
	f = facts(AF_INET, "10.9.0.1", 9000, TCP_LISTEN);
	f.domain = AF_VSOCK;
	refuse(&f, "no TCP socket");
	f = facts(AF_INET, "10.9.0.1", 9000, TCP_LISTEN);
	f.protocol = IPPROTO_MPTCP;
	refuse(&f, "not plain TCP; make it with IPPROTO_TCP");
	f.protocol = IPPROTO_SCTP;
	refuse(&f, "not plain TCP");
	f.protocol = 0;
	refuse(&f, "not plain TCP");
}

static void test_elsewhere(void **state)
{
	struct socket_facts f;

	f = facts(AF_INET, "10.9.0.1", 9000, TCP_LISTEN);
	f.same_netns = false;
	refuse(&f, "another network namespace");
	f = facts(AF_INET, "10.9.0.1", 9000, TCP_LISTEN);
	f.bound_index = IFINDEX + 1;
	refuse(&f, "bound to another device (index 8)");
	f.bound_index = IFINDEX;
	prove(&f, 4, false, "tcp4,dst=10.9.0.1,dst-port=9000");
	f = facts(AF_INET, "10.9.0.1", 0, TCP_LISTEN);
	refuse(&f, "no local port");
}

static void test_states(void **state)
{
	static const struct {
		int tcp_state;
		const char *why; /* NULL: accepted */
	} cases[] = {
		{ TCP_ESTABLISHED, NULL },
		{ TCP_SYN_SENT, "not connected yet" },
		{ TCP_SYN_RECV, "not connected yet" },
		{ TCP_FIN_WAIT1, "closing" },
		{ TCP_FIN_WAIT2, "closing" },
		{ TCP_TIME_WAIT, "closing" },
		{ TCP_CLOSE, "merely bound or closed, which proves nothing" },
		{ TCP_CLOSE_WAIT, "closed by its peer" },
		{ TCP_LAST_ACK, "closing" },
		{ TCP_LISTEN, NULL },
		{ TCP_CLOSING, "closing" },
		{ 12, "closing" }, /* TCP_NEW_SYN_RECV */
		{ 13, "closing" }, /* TCP_BOUND_INACTIVE */
		{ 0, "closing" },
		{ -1, "closing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct socket_facts f = connected(AF_INET, "10.9.0.1", "10.9.0.2");

		f.tcp_state = cases[i].tcp_state;
		if (cases[i].why)
			refuse(&f, cases[i].why);
		else
			prove(&f, 4, false,
			      f.tcp_state == TCP_LISTEN ? "tcp4,dst=10.9.0.1,dst-port=9000"
							: "tcp4,dst=10.9.0.1,dst-port=9000,src=10."
							  "9.0.2,src-port=40000");
	}
}

static void test_address_not_owned(void **state)
{
	struct socket_facts f;

	f = facts(AF_INET, "10.9.0.77", 9000, TCP_LISTEN);
	refuse(&f, "none of the interface's; bind it to one that ip address show zc0 lists.");
	f = facts(AF_INET6, "fd09::77", 9000, TCP_LISTEN);
	refuse(&f, "none of the interface's");
	f = facts(AF_INET6, "::ffff:10.9.0.77", 9000, TCP_LISTEN);
	refuse(&f, "none of the interface's");
	f = connected(AF_INET, "127.0.0.1", "127.0.0.1");
	refuse(&f, "none of the interface's");
	/* The first four bytes of an IPv6 address are not an IPv4 address. */
	f = facts(AF_INET6, "a09:1::", 9000, TCP_LISTEN);
	refuse(&f, "none of the interface's");
}

/* Another device has it: which, and what can be done. */
static void test_address_elsewhere(void **state)
{
	static struct local_address others[] = {
		{ FLOW_TCP4, { 10, 9, 5, 1 }, ADDRESS_VLAN, 8, "zc0.5" },
		{ FLOW_TCP4, { 10, 99, 0, 1 }, ADDRESS_HOST, 1, "lo" },
		{ FLOW_TCP6, { 0xfd, 0x77, [15] = 1 }, ADDRESS_ELSEWHERE, 9, "eth5" },
		{ FLOW_TCP4, { 127, 0, 0, 1 }, ADDRESS_HOST, 1, "lo" },
		{ FLOW_TCP6, { 0xfe, 0x80, [15] = 1 }, ADDRESS_VLAN, 8, "zc0.5" },
		{ FLOW_TCP4, { 10, 9, 0, 1 }, ADDRESS_ELSEWHERE, 9, "eth5" },
		{ FLOW_TCP4, { 10, 9, 0, 1 }, ADDRESS_HERE, 7, "zc0" }, /* on both */
	};
	static const struct {
		int domain;
		const char *local, *why; /* NULL: accepted */
	} cases[] = {
		{ AF_INET, "10.9.5.1", "10.9.5.1 is an address of zc0.5, a VLAN of zc0, and the rules that zcrxd "
				       "sets do not say which VLAN they are for: no socket proves a flow there. "
				       "Bind it to an address of zc0, or, if the NIC's rules look behind VLAN tags, "
				       "name the flow by value (tcp4,dst=10.9.5.1,dst-port=80), which the policy has "
				       "to allow (flows: in zcrxd.yaml(5))." },
		{ AF_INET, "10.99.0.1", "10.99.0.1 is an address of lo, not of zc0: no socket proves that what is "
					"sent there comes in by zc0. Bind it to an address of zc0, or name the flow "
					"by value (tcp4,dst=10.99.0.1,dst-port=80), which the policy has to allow" },
		{ AF_INET6, "fd77::1", "fd77::1 is an address of eth5, not of zc0" },
		{ AF_INET6, "::ffff:10.99.0.1", "10.99.0.1 is an address of lo, not of zc0" },
		{ AF_INET, "10.9.0.1", NULL },
		{ AF_INET, "0.0.0.0", NULL },
		{ AF_INET6, "::", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct socket_facts f = facts(cases[i].domain, cases[i].local, 80, TCP_LISTEN);
		_cleanup_fault_ struct fault fault = {};
		_cleanup_free_ struct flow *flows = NULL;
		bool wildcard;
		size_t n = 0;
		int r = flows_from_socket(&f, IFINDEX, "zc0", others, ARRAY_SIZE(others), &flows,
					  &n, &wildcard, &fault);

		assert_int_equal(r, cases[i].why ? ZCRX_FLOW_NOT_PROVED : 0);
		assert_int_equal(n, !cases[i].why);
		if (cases[i].why)
			CHECK_CONTAINS(fault.message, cases[i].why);
	}
}

/* What listeners on all addresses miss: nothing that only the host itself can send to. */
static void test_left_out(void **state)
{
	static const struct local_address all[] = {
		{ FLOW_TCP4, { 10, 9, 0, 1 }, ADDRESS_HERE, 7, "zc0" },
		{ FLOW_TCP4, { 127, 0, 0, 1 }, ADDRESS_HOST, 1, "lo" },
		{ FLOW_TCP6, { [15] = 1 }, ADDRESS_HOST, 1, "lo" },
		{ FLOW_TCP6, { 0xfe, 0x80, [15] = 1 }, ADDRESS_VLAN, 8, "zc0.5" },
		{ FLOW_TCP4, { 10, 8, 0, 1 }, ADDRESS_ELSEWHERE, 9, "eth5" },
		{ FLOW_TCP4, { 10, 9, 5, 1 }, ADDRESS_VLAN, 8, "zc0.5" },
		{ FLOW_TCP6, { 0xfd, 0x99, [15] = 1 }, ADDRESS_HOST, 1, "lo" },
	};
	struct local_address many[9];
	char *text = (char *)"";

	assert_int_equal(local_addresses_left_out(all, 5, &text), 0);
	assert_null(text);
	assert_int_equal(local_addresses_left_out(all, ARRAY_SIZE(all), &text), 0);
	take_and_compare(text, "10.9.5.1 (zc0.5), fd99::1 (lo)");
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = all[5];
	assert_int_equal(local_addresses_left_out(many, ARRAY_SIZE(many), &text), 0);
	CHECK_CONTAINS(text, "(zc0.5) and others");
	free(text);
}

static void test_address(void **state)
{
	struct socket_facts f;

	f = facts(AF_INET, "10.9.0.5", 80, TCP_LISTEN);
	prove(&f, 4, false, "tcp4,dst=10.9.0.5,dst-port=80");
	f = facts(AF_INET6, "fd09::1", 80, TCP_LISTEN);
	prove(&f, 4, false, "tcp6,dst=fd09::1,dst-port=80");
	f.v6_only = true;
	prove(&f, 4, false, "tcp6,dst=fd09::1,dst-port=80");
	f = facts(AF_INET6, "::ffff:10.9.0.5", 80, TCP_LISTEN);
	prove(&f, 4, false, "tcp4,dst=10.9.0.5,dst-port=80");
	/* A listener's remote side says nothing. */
	f = connected(AF_INET, "10.9.0.1", "10.9.0.2");
	f.tcp_state = TCP_LISTEN;
	prove(&f, 4, false, "tcp4,dst=10.9.0.1,dst-port=9000");
}

static void test_connected(void **state)
{
	struct socket_facts f;

	f = connected(AF_INET6, "fd09::1", "fd09::2");
	prove(&f, 4, false, "tcp6,dst=fd09::1,dst-port=9000,src=fd09::2,src-port=40000");
	f = connected(AF_INET6, "::ffff:10.9.0.1", "::ffff:10.9.0.2");
	prove(&f, 4, false, "tcp4,dst=10.9.0.1,dst-port=9000,src=10.9.0.2,src-port=40000");
	f = connected(AF_INET, "0.0.0.0", "10.9.0.2");
	refuse(&f, "without a local address");
	f = connected(AF_INET, "10.9.0.1", "0.0.0.0");
	refuse(&f, "peer cannot be told");
	f = connected(AF_INET6, "fd09::1", "::");
	refuse(&f, "peer cannot be told");
	f = connected(AF_INET6, "fd09::1", "::ffff:10.9.0.2");
	refuse(&f, "peer cannot be told");
	f = connected(AF_INET6, "::ffff:10.9.0.1", "fd09::2");
	refuse(&f, "peer cannot be told");
	f = connected(AF_INET6, "::ffff:10.9.0.1", "::ffff:0.0.0.0");
	refuse(&f, "peer cannot be told");
	f = connected(AF_INET, "10.9.0.1", "10.9.0.2");
	f.remote_port = 0;
	refuse(&f, "peer cannot be told");
}

static void test_wildcard(void **state)
{
	struct socket_facts f;

	f = facts(AF_INET, "0.0.0.0", 9000, TCP_LISTEN);
	prove(&f, 4, true, "tcp4,dst=10.9.0.1,dst-port=9000 tcp4,dst=10.9.0.5,dst-port=9000");
	f = facts(AF_INET6, "::", 9000, TCP_LISTEN);
	prove(&f, 4, true,
	      "tcp4,dst=10.9.0.1,dst-port=9000 tcp6,dst=fd09::1,dst-port=9000 "
	      "tcp4,dst=10.9.0.5,dst-port=9000");
	f.v6_only = true;
	prove(&f, 4, true, "tcp6,dst=fd09::1,dst-port=9000");
	f = facts(AF_INET6, "::ffff:0.0.0.0", 9000, TCP_LISTEN);
	prove(&f, 4, true, "tcp4,dst=10.9.0.1,dst-port=9000 tcp4,dst=10.9.0.5,dst-port=9000");
}

static void test_wildcard_without_addresses(void **state)
{
	static const struct {
		int domain;
		bool v6_only;
		size_t from, n;
		const char *why; /* NULL: accepted */
	} cases[] = {
		{ AF_INET, false, 0, 0, "no IPv4 address" },
		{ AF_INET, false, 1, 1, "no IPv4 address" },
		{ AF_INET, false, 0, 1, NULL },
		{ AF_INET6, false, 0, 0, "no IP address" },
		{ AF_INET6, false, 0, 1, NULL },
		{ AF_INET6, false, 1, 1, NULL },
		{ AF_INET6, true, 0, 1, "no IPv6 address" },
		{ AF_INET6, true, 1, 1, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct socket_facts f =
			facts(cases[i].domain, cases[i].domain == AF_INET ? "0.0.0.0" : "::", 9000,
			      TCP_LISTEN);
		_cleanup_fault_ struct fault fault = {};
		_cleanup_free_ struct flow *flows = NULL;
		bool wildcard;
		size_t n = 0;
		int r;

		f.v6_only = cases[i].v6_only;
		r = flows_from_socket(&f, IFINDEX, "zc0", addresses + cases[i].from, cases[i].n,
				      &flows, &n, &wildcard, &fault);
		assert_int_equal(r, cases[i].why ? ZCRX_FLOW_NOT_PROVED : 0);
		assert_int_equal(n, !cases[i].why);
		if (cases[i].why)
			CHECK_CONTAINS(fault.message, cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_tcp),	 cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_states),	 cmocka_unit_test(test_address_not_owned),
		cmocka_unit_test(test_address),	 cmocka_unit_test(test_connected),
		cmocka_unit_test(test_address_elsewhere), cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_wildcard), cmocka_unit_test(test_wildcard_without_addresses),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
