/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whom the kernel gives a flow to, and who else is at its port: real sockets on the loopback. How often
 * all sockets are gone through is counted, not timed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "sockdiag-connection.h"
#include "sockdiag.h"
#include "sockets.h"
#include "sockfacts.h"
#include "testlib.h"

#define KEYS_MAX 1000 /* far more than a message holds */

static struct cookie_count cookies;
static struct sockets *sockets;
static uint64_t netns;
static unsigned n_dumps, n_calls;

int __real_netlink_dump(struct netlink *nl, struct nl_msg *m, netlink_handler handler,
			void (*reset)(void *userdata), void *userdata);
int __wrap_netlink_dump(struct netlink *nl, struct nl_msg *m, netlink_handler handler,
			void (*reset)(void *userdata), void *userdata);
int __real_netlink_call(struct netlink *nl, struct nl_msg *m, netlink_handler handler, void *userdata);
int __wrap_netlink_call(struct netlink *nl, struct nl_msg *m, netlink_handler handler, void *userdata);

int __wrap_netlink_dump(struct netlink *nl, struct nl_msg *m, netlink_handler handler,
			void (*reset)(void *userdata), void *userdata)
{
	n_dumps++;
	return __real_netlink_dump(nl, m, handler, reset, userdata);
}

int __wrap_netlink_call(struct netlink *nl, struct nl_msg *m, netlink_handler handler, void *userdata)
{
	n_calls++;
	return __real_netlink_call(nl, m, handler, userdata);
}

static int setup(void **state)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(kernel_sockets_open(&cookies, &sockets), 0);
	return sockfacts_netns(fd, &netns);
}

static int teardown(void **state)
{
	return sockets->ops->close(sockets) ? -1 : 0;
}

static const uint8_t v4_loopback[16] = { 127, 0, 0, 1 };
static const uint8_t v6_loopback[16] = { [15] = 1 };
static const uint8_t any[16];

/* Bound; *port 0 takes any, and tells which. */
static int bound(int family, const uint8_t *address, uint16_t *port, bool reuse)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(*port) };
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(*port) };
	struct sockaddr *sa =
		family == AF_INET ? (struct sockaddr *)&sin : (struct sockaddr *)&sin6;
	socklen_t n = family == AF_INET ? sizeof(sin) : sizeof(sin6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int yes = reuse;

	memcpy(&sin.sin_addr, address, sizeof(sin.sin_addr));
	memcpy(&sin6.sin6_addr, address, sizeof(sin6.sin6_addr));
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)), 0);
	assert_int_equal(bind(fd, sa, n), 0);
	assert_int_equal(getsockname(fd, sa, &n), 0);
	*port = ntohs(family == AF_INET ? sin.sin_port : sin6.sin6_port);
	return fd;
}

static int listener(int family, const uint8_t *address, uint16_t *ret_port)
{
	int fd;

	*ret_port = 0;
	fd = bound(family, address, ret_port, false);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void read_facts(int fd, struct socket_facts *ret)
{
	struct socket_facts *const list[] = { ret };

	assert_int_equal(sockfacts_read(netns, fd, ret, NULL), 0);
	assert_int_equal(sockets->ops->find(sockets, list, 1), 0);
}

static struct flow flow_to(enum flow_protocol p, const uint8_t *address, uint16_t port)
{
	struct flow f = { .protocol = p, .destination_port = port };

	f.destination.prefix = (uint8_t)flow_address_bits(p);
	memcpy(f.destination.bytes, address, f.destination.prefix / 8);
	return f;
}

/* ----------------------------------------------------------------------------- receivers */

static int check(const struct socket_facts *facts, const struct flow *flow, struct fault *reterr)
{
	struct socket_receiver receiver;

	assert_int_equal(sockets->ops->receiver(sockets, flow, 1, &receiver), 0);
	return flow_check_receiver(facts, flow, &receiver, reterr);
}

/* The kernel's own choice, for a listener of one family or of both. */
static void test_receiver(void **state)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct socket_facts facts;
	uint16_t port;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		_cleanup_close_ int fd = listener(families[i], any, &port);
		const struct flow f4 = flow_to(FLOW_TCP4, v4_loopback, port),
				  f6 = flow_to(FLOW_TCP6, v6_loopback, port);

		read_facts(fd, &facts);
		assert_int_equal(check(&facts, &f4, NULL), 0);
		assert_int_equal(check(&facts, &f6, NULL),
				 families[i] == AF_INET6 ? 0 : ZCRX_FLOW_NOT_PROVED);
	}
}

/* Another listener receives: that is as good if one user made both (SO_REUSEPORT). */
static void test_receiver_of_another_user(void **state)
{
	_cleanup_fault_ struct fault fault = {};
	_cleanup_close_ int fd = -EBADF, other = -EBADF;
	struct socket_facts facts;
	uint16_t port, second;
	struct flow flow;

	fd = listener(AF_INET, any, &port);
	other = listener(AF_INET, any, &second);
	flow = flow_to(FLOW_TCP4, v4_loopback, second);
	read_facts(fd, &facts);
	assert_int_equal(facts.uid, getuid());
	assert_int_equal(check(&facts, &flow, NULL), 0);
	facts.uid++;
	assert_int_equal(check(&facts, &flow, &fault), ZCRX_FLOW_NOT_PROVED);
	CHECK_CONTAINS(fault.message, "is for another socket (of uid");
}

/* No notification tells of it: bound to a port by listen() alone, it lets go of it and takes
 * another one, without ever being seen as anything but a listener. */
static void test_receiver_moves(void **state)
{
	const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_fault_ struct fault fault = {};
	struct socket_facts before, after;
	struct flow flow;

	assert_int_equal(listen(fd, 1), 0);
	read_facts(fd, &before);
	flow = flow_to(FLOW_TCP4, v4_loopback, before.local_port);
	assert_int_equal(check(&before, &flow, NULL), 0);
	do {
		assert_int_equal(connect(fd, &nowhere, sizeof(nowhere)), 0);
		assert_int_equal(listen(fd, 1), 0);
		read_facts(fd, &after);
	} while (after.local_port == before.local_port);
	assert_true(after.cookie == before.cookie);
	assert_int_equal(check(&before, &flow, &fault), ZCRX_FLOW_NOT_PROVED);
	CHECK_CONTAINS(fault.message, "does not receive");
}

/* ----------------------------------------------------------------------------- at a port */

static size_t at_flows(const struct flow *flows, size_t n, struct port_socket *ret, size_t max)
{
	_cleanup_free_ struct port_socket *found = NULL;
	size_t n_found;

	assert_int_equal(sockets->ops->at_flows(sockets, flows, n, &found, &n_found), 0);
	assert_true(n_found <= max);
	memcpy(ret, found, n_found * sizeof(*found));
	return n_found;
}

/* Listeners, connections and merely bound sockets; those that differ in their peers only, once. */
static void test_at_flows(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_close_ int l = -EBADF, merely = -EBADF;
	struct port_socket found[4];
	uint16_t port = 0;
	struct flow flow;
	int c[2], s[2];

	merely = bound(AF_INET, v4_loopback, &port, true);
	l = bound(AF_INET, v4_loopback, &port, true);
	flow = flow_to(FLOW_TCP4, v4_loopback, port);
	assert_int_equal(at_flows(&flow, 1, found, 4), 1); /* they differ in nothing */
	assert_false(found[0].listening);
	assert_int_equal(listen(l, 2), 0);
	assert_int_equal(at_flows(&flow, 1, found, 4), 2);
	assert_int_equal(found[0].listening + found[1].listening, 1);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(found[i].domain, AF_INET);
		assert_int_equal(found[i].port, port);
		assert_int_equal(found[i].uid, getuid());
		assert_int_equal(found[i].extension, SOCKET_PLAIN);
		assert_memory_equal(found[i].local, v4_loopback, 16);
	}
	close(TAKE_FD(merely));
	sin.sin_port = htons(port);
	for (size_t i = 0; i < 2; i++) {
		c[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(c[i], (struct sockaddr *)&sin, sizeof(sin)), 0);
		s[i] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	}
	close(TAKE_FD(l));
	assert_int_equal(at_flows(&flow, 1, found, 4), 1); /* the connections' */
	assert_false(found[0].listening);
	for (size_t i = 0; i < 2; i++)
		close(c[i]), close(s[i]);
	assert_int_equal(at_flows(&flow, 1, found, 4), 0);
}

/* One that is there already when a flow is to be steered. */
static void test_connection(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_close_ int l = -EBADF, c = -EBADF, s = -EBADF;
	struct socket_facts facts, found = {};
	uint16_t port = 0;
	struct flow flow;
	enum connections any = CONNECTIONS_MADE;

	l = bound(AF_INET, v4_loopback, &port, true);
	flow = flow_to(FLOW_TCP4, v4_loopback, port);
	assert_int_equal(listen(l, 2), 0);
	assert_int_equal(sockets->ops->connection(sockets, &flow, 1, 0, &found, &any), 0);
	assert_true(any != CONNECTIONS_MADE); /* with SYN cookies out, half made */
	sin.sin_port = htons(port);
	c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(c, (struct sockaddr *)&sin, sizeof(sin)), 0);
	/* Nobody has to have it. */
	assert_int_equal(sockets->ops->connection(sockets, &flow, 1, 0, &found, &any), 0);
	assert_true(any == CONNECTIONS_MADE);
	assert_int_equal(found.local_port, port);
	assert_true(found.remote_port != 0);
	s = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	read_facts(s, &facts);
	assert_int_equal(sockets->ops->connection(sockets, &flow, 1, facts.cookie, &found, &any), 0);
	assert_true(any != CONNECTIONS_MADE);
	flow.destination_port = 0;
	assert_int_equal(sockets->ops->connection(sockets, &flow, 1, 0, &found, &any), 0);
	assert_true(any == CONNECTIONS_MADE);
	flow = flow_to(FLOW_TCP4, v4_loopback, (uint16_t)(port + 1));
	assert_int_equal(sockets->ops->connection(sockets, &flow, 1, 0, &found, &any), 0);
	assert_true(any != CONNECTIONS_MADE);
}

/* However the kernel is asked for both at once: nobody is missed in any state. */
static void test_one_look_sees_both_families(void **state)
{
	static const struct {
		int family;
		enum flow_protocol protocol;
		const uint8_t *address;
	} kinds[] = { { AF_INET, FLOW_TCP4, v4_loopback }, { AF_INET6, FLOW_TCP6, v6_loopback } };
	struct flow flows[4];
	struct port_socket found[8];
	size_t n_v6 = 0;
	int fds[2][3];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct sockaddr_in6 address = {};
		socklen_t size = sizeof(address);
		uint16_t port = 0;

		fds[i][0] = bound(kinds[i].family, kinds[i].address, &port, false);
		flows[2 * i] = flow_to(kinds[i].protocol, kinds[i].address, port);
		fds[i][1] = listener(kinds[i].family, kinds[i].address, &port);
		flows[2 * i + 1] = flow_to(kinds[i].protocol, kinds[i].address, port);
		fds[i][2] = socket(kinds[i].family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(getsockname(fds[i][1], (struct sockaddr *)&address, &size), 0);
		assert_int_equal(connect(fds[i][2], (struct sockaddr *)&address, size), 0);
		close(fds[i][2]); /* not accepted yet: it is the listener's */
		fds[i][2] = accept4(fds[i][1], NULL, NULL, SOCK_CLOEXEC);
	}
	n_dumps = 0;
	assert_int_equal(at_flows(flows, 4, found, ARRAY_SIZE(found)), 6);
	assert_int_equal(n_dumps, 2);
	for (size_t i = 0; i < 6; i++)
		n_v6 += found[i].domain == AF_INET6;
	assert_int_equal(n_v6, 3);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		enum connections any = CONNECTIONS_NONE;
		struct socket_facts facts = {};

		n_dumps = 0;
		assert_int_equal(sockets->ops->connection(sockets, &flows[2 * i + 1], 1, 0, &facts, &any), 0);
		assert_true(any == CONNECTIONS_MADE);
		assert_int_equal(facts.domain, kinds[i].family);
		assert_int_equal(n_dumps, 1);
		for (size_t k = 0; k < 3; k++)
			close(fds[i][k]);
	}
}

/* The answer to its first segment does not arrive, so that both ends are half made: there, and here. */
static void test_half_made(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = { .len = 1, .filter = &nothing };
	_cleanup_(netlink_done) struct netlink diag = {};
	_cleanup_close_ int l = -EBADF, c = -EBADF;
	uint16_t port = 0, from = 0;
	enum connections any;
	struct socket_facts found;
	struct flow flow;

	assert_int_equal(netlink_open(&diag, NETLINK_SOCK_DIAG), 0);
	l = bound(AF_INET, v4_loopback, &port, true);
	assert_int_equal(listen(l, 2), 0);
	c = bound(AF_INET, v4_loopback, &from, true);
	assert_int_equal(setsockopt(c, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
	assert_int_equal(fcntl(c, F_SETFL, O_NONBLOCK), 0);
	sin.sin_port = htons(port);
	assert_int_equal(connect(c, (struct sockaddr *)&sin, sizeof(sin)), -1);
	assert_int_equal(errno, EINPROGRESS);
	flow = flow_to(FLOW_TCP4, v4_loopback, port);
	assert_int_equal(connection_find(&diag, &flow, 1, 0, &found, &any), 0);
	assert_int_equal(any, CONNECTIONS_HALF_MADE);
	flow = flow_to(FLOW_TCP4, v4_loopback, from);
	assert_int_equal(connection_find(&diag, &flow, 1, 0, &found, &any), 0);
	assert_int_equal(any, CONNECTIONS_MADE);
	assert_int_equal(found.remote_port, port);
}

/* What no flow reaches is not told. */
static void test_other_ports_and_addresses(void **state)
{
	static const uint8_t elsewhere[16] = { 127, 0, 0, 2 };
	_cleanup_close_ int there = -EBADF, here = -EBADF, at_any = -EBADF, next = -EBADF;
	struct port_socket found[4];
	uint16_t port = 0, other;
	struct flow flows[2];

	there = bound(AF_INET, elsewhere, &port, true);
	next = listener(AF_INET, v4_loopback, &other);
	flows[0] = flow_to(FLOW_TCP4, v4_loopback, port);
	flows[1] = flow_to(FLOW_TCP6, v6_loopback, port);
	assert_int_equal(at_flows(flows, 2, found, 4), 0);
	here = bound(AF_INET6, v6_loopback, &port, true);
	assert_int_equal(at_flows(flows, 2, found, 4), 1);
	assert_memory_equal(found[0].local, v6_loopback, 16);
	at_any = bound(AF_INET, any, &port, true);
	assert_int_equal(at_flows(flows, 2, found, 4), 2);
	flows[1] = flow_to(FLOW_TCP4, v4_loopback, other);
	assert_int_equal(at_flows(flows, 2, found, 4), 2);
	assert_int_equal(at_flows(flows, 0, found, 4), 0);
}

static int set_keys(int fd, unsigned n)
{
	struct tcp_md5sig md5 = { .tcpm_keylen = 1, .tcpm_key = "k" };
	struct sockaddr_in *sin = (struct sockaddr_in *)&md5.tcpm_addr;

	sin->sin_family = AF_INET;
	for (unsigned i = 0; i < n; i++) {
		sin->sin_addr.s_addr = htonl(0x0a000000 + i);
		if (setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &md5, sizeof(md5)) < 0)
			return -errno;
	}
	return 0;
}

static enum socket_extension extension_at(uint16_t port)
{
	const struct flow flow = flow_to(FLOW_TCP4, v4_loopback, port);
	struct port_socket found;

	assert_int_equal(at_flows(&flow, 1, &found, 1), 1);
	return found.extension;
}

static void test_keys(void **state)
{
	_cleanup_close_ int fd = -EBADF;
	uint16_t port;

	fd = listener(AF_INET, any, &port);
	assert_int_equal(extension_at(port), SOCKET_PLAIN);
	assert_int_equal(set_keys(fd, 1), 0);
	assert_int_equal(extension_at(port), SOCKET_TCP_MD5);
}

/* A listener with keys without end makes the kernel end its answer, without a word. Nobody else's
 * listener disappears by it, whichever of them comes first. */
static void test_nobody_hides_others(void **state)
{
	struct flow flows[9];
	struct port_socket found[9];
	uint16_t ports[9];
	int fds[9];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = listener(AF_INET, any, &ports[i]);
		flows[i] = flow_to(FLOW_TCP4, v4_loopback, ports[i]);
	}
	(void)set_keys(fds[4], KEYS_MAX); /* as many as there may be */
	assert_int_equal(set_keys(fds[7], 1), 0);
	assert_int_equal(at_flows(flows, ARRAY_SIZE(flows), found, ARRAY_SIZE(found)),
			 ARRAY_SIZE(found));
	for (size_t i = 0; i < ARRAY_SIZE(found); i++)
		assert_int_equal(found[i].extension, found[i].port == ports[4]	 ? SOCKET_UNTOLD
						     : found[i].port == ports[7] ? SOCKET_TCP_MD5
										 : SOCKET_PLAIN);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static void test_mptcp(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	socklen_t n = sizeof(sin);
	struct port_socket found;
	struct flow flow;

	if (fd < 0 && errno == EPROTONOSUPPORT)
		return; /* a kernel without: no listener of its kind either */
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &n), 0);
	flow = flow_to(FLOW_TCP4, v4_loopback, ntohs(sin.sin_port));
	assert_int_equal(at_flows(&flow, 1, &found, 1), 1);
	assert_int_equal(found.extension, SOCKET_ULP);
	assert_string_equal(found.ulp, "mptcp");
}

/* ---------------------------------------------------------------------------------- cost */

#define PROOFS	200
#define FOREIGN 2000

/* As a daemon that starts asks, and every second after: one go for all proofs, whatever else there is,
 * and one look for each flow. */
static void test_cost_is_of_the_proofs_alone(void **state)
{
	const struct rlimit limit = { 8192, 8192 };
	static int fds[PROOFS], foreign[FOREIGN];
	static struct flow flows[PROOFS];
	static struct port_socket found[PROOFS];
	struct socket_receiver receiver;
	uint16_t ports[PROOFS], port;

	(void)setrlimit(RLIMIT_NOFILE, &limit);
	for (size_t i = 0; i < FOREIGN; i++)
		foreign[i] = listener(i % 2 ? AF_INET6 : AF_INET, i % 2 ? v6_loopback : v4_loopback,
				      &port);
	for (size_t i = 0; i < PROOFS; i++) {
		fds[i] = listener(AF_INET, any, &ports[i]);
		flows[i] = flow_to(FLOW_TCP4, v4_loopback, ports[i]);
	}
	n_dumps = n_calls = 0;
	assert_int_equal(at_flows(flows, PROOFS, found, PROOFS), PROOFS);
	/* All states, and listeners with what is switched on: of both families at once. */
	assert_int_equal(n_dumps, 2);
	for (size_t i = 0; i < PROOFS; i++)
		assert_int_equal(sockets->ops->receiver(sockets, &flows[i], 1, &receiver), 0);
	assert_int_equal(n_dumps, 2);
	assert_int_equal(n_calls, PROOFS);
	for (size_t i = 0; i < FOREIGN; i++)
		close(foreign[i]);
	for (size_t i = 0; i < PROOFS; i++)
		close(fds[i]);
}

static int count(const struct sockdiag_socket *s, void *userdata)
{
	++*(unsigned *)userdata;
	return 0;
}

/* Ports are compared in the kernel: it tells of no foreign one, however many there are to be named. */
static void test_ports_are_filtered_by_the_kernel(void **state)
{
	_cleanup_(netlink_done) struct netlink diag = {};
	uint16_t ports[SOCKDIAG_PORTS_MAX + 2];
	_cleanup_close_ int a = -EBADF, b = -EBADF;
	unsigned n;

	a = listener(AF_INET, v4_loopback, &ports[0]);
	b = listener(AF_INET, v4_loopback, &ports[SOCKDIAG_PORTS_MAX + 1]);
	for (size_t i = 1; i <= SOCKDIAG_PORTS_MAX; i++)
		ports[i] = (uint16_t)i; /* nobody listens below, but for what the machine does */
	assert_int_equal(netlink_open(&diag, NETLINK_SOCK_DIAG), 0);
	for (size_t k = 1; k <= ARRAY_SIZE(ports); k += 31) {
		n = 0;
		assert_int_equal(sockdiag_dump(&diag, SOCKDIAG_LISTENING, ports, k, count, &n), 0);
		assert_true(n >= 1);
	}
	n = 0;
	assert_int_equal(sockdiag_dump(&diag, SOCKDIAG_LISTENING,
				       &ports[SOCKDIAG_PORTS_MAX + 1], 1, count, &n), 0);
	assert_int_equal(n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_receiver),
		cmocka_unit_test(test_receiver_moves),
		cmocka_unit_test(test_receiver_of_another_user),
		cmocka_unit_test(test_at_flows),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_one_look_sees_both_families),
		cmocka_unit_test(test_half_made),
		cmocka_unit_test(test_other_ports_and_addresses),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_nobody_hides_others),
		cmocka_unit_test(test_mptcp),
		cmocka_unit_test(test_cost_is_of_the_proofs_alone),
		cmocka_unit_test(test_ports_are_filtered_by_the_kernel),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
