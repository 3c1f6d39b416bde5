/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The facts about real sockets on the loopback, and about descriptors that are none.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "sockets.h"
#include "sockfacts.h"
#include "testlib.h"

struct fixture {
	struct cookie_count cookies;
	struct sockets *sockets;
	uint64_t netns;
};

static int setup(void **state)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static struct fixture f;

	assert_int_equal(kernel_sockets_open(&f.cookies, &f.sockets), 0);
	assert_int_equal(sockfacts_netns(fd, &f.netns), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct sockets *s = ((struct fixture *)*state)->sockets;

	return s->ops->close(s) ? -1 : 0;
}

/* First what the descriptor tells, then the rest. */
static void read_facts(struct fixture *f, int fd, struct socket_facts *ret)
{
	struct socket_facts *const list[] = { ret };

	memset(ret, 0xee, sizeof(*ret));
	assert_int_equal(sockfacts_read(f->netns, fd, ret, NULL), 0);
	assert_int_equal(f->sockets->ops->find(f->sockets, list, 1), 0);
}

static int listener(int family, const void *address, uint16_t *ret_port)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr *sa =
		family == AF_INET ? (struct sockaddr *)&sin : (struct sockaddr *)&sin6;
	socklen_t n = family == AF_INET ? sizeof(sin) : sizeof(sin6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(&sin.sin_addr, address, sizeof(sin.sin_addr));
	memcpy(&sin6.sin6_addr, address, family == AF_INET ? 4 : sizeof(sin6.sin6_addr));
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, sa, n), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, sa, &n), 0);
	*ret_port = ntohs(family == AF_INET ? sin.sin_port : sin6.sin6_port);
	return fd;
}

static const uint8_t v4_loopback[16] = { 127, 0, 0, 1 };
static const uint8_t v6_loopback[16] = { [15] = 1 };
static const uint8_t any[16];

static void test_listeners(void **state)
{
	const struct {
		int family;
		const uint8_t *address;
		bool only;
	} cases[] = {
		{ AF_INET, v4_loopback, false },  { AF_INET, any, false },
		{ AF_INET6, v6_loopback, false }, { AF_INET6, any, false },
		{ AF_INET6, any, true },
	};
	struct socket_facts facts;
	uint16_t port;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_close_ int fd = -EBADF;
		const int only = cases[i].only;
		uint64_t cookie;
		socklen_t n = sizeof(cookie);

		fd = listener(cases[i].family, cases[i].address, &port);
		/* V6ONLY can only be changed before bind: such a listener is made anew. */
		if (only) {
			struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

			close(fd);
			fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
			assert_int_equal(
				setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)), 0);
			sin6.sin6_port = htons(port);
			assert_int_equal(bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)), 0);
			assert_int_equal(listen(fd, 1), 0);
		}
		read_facts(*state, fd, &facts);
		assert_int_equal(facts.domain, cases[i].family);
		assert_int_equal(facts.type, SOCK_STREAM);
		assert_int_equal(facts.protocol, IPPROTO_TCP);
		assert_int_equal(facts.tcp_state, TCP_LISTEN);
		assert_true(facts.same_netns);
		assert_int_equal(facts.bound_index, 0);
		if (cases[i].address == any && cases[i].family == AF_INET6)
			assert_int_equal(facts.v6_only, cases[i].only);
		assert_memory_equal(facts.local, cases[i].address, 16);
		assert_memory_equal(facts.remote, any, 16);
		assert_int_equal(facts.local_port, port);
		assert_int_equal(facts.remote_port, 0);
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &n), 0);
		assert_true(facts.cookie == cookie);
	}
}

/* Both ends; once between IPv6 sockets that speak IPv4. */
static void test_connected(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct socket_facts client, server;
	_cleanup_close_ int l = -EBADF, c = -EBADF, s = -EBADF;
	uint16_t port;

	l = listener(AF_INET6, any, &port);
	memcpy(&sin6.sin6_addr, mapped, sizeof(mapped));
	sin6.sin6_port = htons(port);
	c = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(c, (struct sockaddr *)&sin6, sizeof(sin6)), 0);
	s = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	assert_true(s >= 0);
	read_facts(*state, c, &client);
	read_facts(*state, s, &server);
	assert_int_equal(client.tcp_state, TCP_ESTABLISHED);
	assert_int_equal(server.tcp_state, TCP_ESTABLISHED);
	assert_int_equal(client.domain, AF_INET6);
	assert_memory_equal(client.remote, mapped, 16);
	assert_memory_equal(server.local, mapped, 16);
	assert_int_equal(client.remote_port, port);
	assert_int_equal(server.remote_port, client.local_port);

	close(c);
	c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(port);
	assert_int_equal(connect(c, (struct sockaddr *)&sin, sizeof(sin)), 0);
	read_facts(*state, c, &client);
	assert_int_equal(client.domain, AF_INET);
	assert_memory_equal(client.local, v4_loopback, 16);
	/* The other end has closed: no more data comes, and the state says so. */
	close(s);
	read_facts(*state, c, &client);
	assert_int_equal(client.tcp_state, TCP_ESTABLISHED);
	s = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	close(s);
	s = -EBADF;
	read_facts(*state, c, &client);
	assert_int_equal(client.tcp_state, TCP_CLOSE_WAIT);
}

/* Two sockets can share a port by being bound to it: that proves nothing. */
static void test_merely_bound(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct socket_facts facts;

	read_facts(*state, fd, &facts);
	assert_int_equal(facts.tcp_state, TCP_CLOSE);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	read_facts(*state, fd, &facts);
	assert_int_equal(facts.tcp_state, TCP_CLOSE);
	assert_int_equal(facts.local_port, 0);
}

static void test_not_tcp(void **state)
{
	struct fixture *f = *state;
	int pair[2], pipes[2];
	int fds[] = {
		socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
		open("/dev/null", O_RDWR | O_CLOEXEC),
		open("/", O_PATH | O_CLOEXEC),
		open("/etc/passwd", O_RDONLY | O_CLOEXEC),
		memfd_create("x", MFD_CLOEXEC),
		epoll_create1(EPOLL_CLOEXEC),
	};

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds) + 5; i++) {
		const int more[] = { pipes[0], pipes[1], pair[0], 4711, -1 };
		int fd = i < ARRAY_SIZE(fds) ? fds[i] : more[i - ARRAY_SIZE(fds)];
		_cleanup_fault_ struct fault fault = {};
		struct socket_facts facts;

		assert_int_equal(sockfacts_read(f->netns, fd, &facts, &fault),
				 ZCRX_FLOW_NOT_PROVED);
		assert_non_null(fault.message);
		if (i < ARRAY_SIZE(fds))
			close(fd);
	}
	close(pipes[0]), close(pipes[1]), close(pair[0]), close(pair[1]);
}

/* Seen from another namespace, a socket is no socket of the NIC's. */
static void test_other_netns(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = -EBADF;
	struct socket_facts facts;
	uint16_t port;

	fd = listener(AF_INET, v4_loopback, &port);
	assert_int_equal(sockfacts_read(f->netns + 1, fd, &facts, NULL), 0);
	assert_false(facts.same_netns);
	assert_int_equal(facts.local_port, 0);
}

/* The daemon asks for all at once: listeners and connections, the same one twice, one that is gone. */
static void test_many(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int l4 = -EBADF, l6 = -EBADF, c = -EBADF;
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct socket_facts facts[5], *list[5];
	uint16_t port4, port6;

	l4 = listener(AF_INET, v4_loopback, &port4);
	l6 = listener(AF_INET6, v6_loopback, &port6);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(port4);
	c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(c, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(sockfacts_read(f->netns, l6, &facts[0], NULL), 0);
	assert_int_equal(sockfacts_read(f->netns, c, &facts[1], NULL), 0);
	assert_int_equal(sockfacts_read(f->netns, l4, &facts[2], NULL), 0);
	facts[3] = facts[0];
	facts[4] = facts[2];
	facts[4].cookie = 0x1234567812345678;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		list[i] = &facts[i];
	assert_int_equal(f->sockets->ops->find(f->sockets, list, ARRAY_SIZE(list)), 0);
	assert_int_equal(facts[0].local_port, port6);
	assert_int_equal(facts[1].tcp_state, TCP_ESTABLISHED);
	assert_int_equal(facts[1].remote_port, port4);
	assert_int_equal(facts[2].local_port, port4);
	assert_int_equal(facts[2].tcp_state, TCP_LISTEN);
	assert_int_equal(facts[3].local_port, port6);
	assert_int_equal(facts[4].tcp_state, TCP_CLOSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listeners),    cmocka_unit_test(test_connected),
		cmocka_unit_test(test_merely_bound), cmocka_unit_test(test_not_tcp),
		cmocka_unit_test(test_other_netns),  cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
