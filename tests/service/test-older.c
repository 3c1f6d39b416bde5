/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections that are older than the guard of their flow: TCP may have kept from that time that urgent
 * data was announced, and panics when its byte comes (docs/KERNEL.md). The connections are real, on the
 * loopback.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/tcp.h>
#include <poll.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name

struct pair {
	int local, peer;
};

static int setup(void **state)
{
	static struct daemon d;

	daemon_start(&d, NULL);
	*state = &d;
	return 0;
}

static int setup_allowing(void **state)
{
	static struct daemon d;

	daemon_start(&d, "unsafe-kernel: allow\ninterfaces:\n  - name: sim0\n    channels: 8\n"
			 "    zero-copy-queues: 4\n");
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(*state);
	return 0;
}

/* To the client's listener, or to one of its own. Little fits into its receive buffer. */
static void pair_open(struct pair *p, int listener)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	const int little = 2048, much = 1 << 20;

	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)), 0);
	p->peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(p->peer, SOL_SOCKET, SO_SNDBUF, &much, sizeof(much)), 0);
	assert_int_equal(connect(p->peer, (struct sockaddr *)&a, sizeof(a)), 0);
	p->local = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p->local >= 0);
}

static void pair_close(struct pair *p)
{
	close(p->local);
	close(p->peer);
}

/* The simulated machine knows a socket by its description only. */
static uint64_t tell_state(struct daemon *d, const struct pair *p, uint16_t port, int state)
{
	struct socket_facts f = { .domain = AF_INET, .type = SOCK_STREAM, .protocol = IPPROTO_TCP,
				  .tcp_state = state, .same_netns = true,
				  .local = { 127, 0, 0, 1 }, .remote = { 127, 0, 0, 1 },
				  .local_port = port };
	struct sockaddr_in a;
	socklen_t n = sizeof(a), n_cookie = sizeof(f.cookie);

	assert_int_equal(getpeername(p->local, (struct sockaddr *)&a, &n), 0);
	assert_int_equal(getsockopt(p->local, SOL_SOCKET, SO_COOKIE, &f.cookie, &n_cookie), 0);
	f.remote_port = ntohs(a.sin_port);
	assert_int_equal(sim_add_socket(d->sim, p->local, &f), 0);
	return f.cookie;
}

static uint64_t tell(struct daemon *d, const struct pair *p, uint16_t port)
{
	return tell_state(d, p, port, TCP_ESTABLISHED);
}

static const char *add(struct client *c, int fd, sd_json_variant **ret)
{
	int fds[2] = { c->handle, fd };

	return call_fds(c->link, "AddFlow", fds, 2, ret,
			"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"socketFileDescriptor\":1}", c->id);
}

static const char *remove_flow(struct client *c, sd_json_variant *added)
{
	sd_json_variant *ids = sd_json_variant_by_key(added, "flowIds");
	char id[24];

	snprintf(id, sizeof(id), "%s",
		 sd_json_variant_string(sd_json_variant_by_index(ids, 0)));
	return call_fds(c->link, "RemoveFlow", &c->handle, 1, NULL,
			"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"flowId\":\"%s\"}", c->id, id);
}

/* Not either when it is tried again while the guard of the first time is there still. */
static void test_a_listener_with_a_connection(void **state)
{
	struct daemon *d = *state;
	struct client c;
	uint64_t cookie;
	struct pair p;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	pair_open(&p, c.listener);
	cookie = tell(d, &p, c.port);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(client_add_flow(&c), OURS("WrongState"));
	wait_for_rules(d, 0);
	pair_close(&p);
	assert_int_equal(sim_close_socket(d->sim, cookie), 0);
	assert_null(client_add_flow(&c));
	client_close(&c);
	wait_until_clean(d);
}

/* To none that could be there can anything be on its way. */
static void test_nothing_is_waited_for_without_a_connection(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	assert_null(client_add_flow(&c));
	assert_int_equal(sim_let_pass(d->sim), 0);
	client_close(&c);
	wait_until_clean(d);
}

static void test_a_connection_that_is_half_made(void **state)
{
	struct daemon *d = *state;
	struct client c;
	struct pair p;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	pair_open(&p, c.listener);
	(void)tell_state(d, &p, c.port, TCP_SYN_RECV);
	assert_null(client_add_flow(&c));
	assert_int_equal(sim_let_pass(d->sim), 1);
	pair_close(&p);
	client_close(&c);
	wait_until_clean(d);
}

static const char *add_value(struct client *c, const char *which, unsigned port)
{
	return call_fds(c->link, "AddFlow", &c->handle, 1, NULL,
			"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"flow\":{\"protocol\":\"tcp4\","
			"\"destination\":\"127.0.0.1\",\"%s\":%u}}", c->id, which, port);
}

static void test_by_value(void **state)
{
	struct daemon *d = *state;
	struct sockaddr_in a;
	socklen_t n = sizeof(a);
	struct client c;
	struct pair p;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	pair_open(&p, c.listener);
	(void)tell(d, &p, c.port);
	assert_string_equal(add_value(&c, "destinationPort", c.port), OURS("WrongState"));
	assert_int_equal(getpeername(p.local, (struct sockaddr *)&a, &n), 0);
	assert_string_equal(add_value(&c, "sourcePort", ntohs(a.sin_port)), OURS("WrongState"));
	pair_close(&p);
	client_close(&c);
	wait_until_clean(d);
}

/* Those that began while the flow was steered, or a moment later, came through the guard. */
static void test_a_flow_that_was_steered_just_now(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *added;
	struct client c;
	struct pair p;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	assert_null(add(&c, c.listener, &added));
	pair_open(&p, c.listener);
	(void)tell(d, &p, c.port);
	assert_null(remove_flow(&c, added));
	assert_null(client_add_flow(&c));
	pair_close(&p);
	client_close(&c);
	wait_until_clean(d);
}

static void test_a_connection_without_urgent_data(void **state)
{
	struct daemon *d = *state;
	struct client c;
	struct pair p;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	pair_open(&p, c.listener);
	assert_null(add(&c, p.local, NULL));
	wait_for_rules(d, 1);
	assert_int_equal(sim_let_pass(d->sim), 1); /* what was on its way to it */
	pair_close(&p);
	client_close(&c);
	wait_until_clean(d);
}

/* More than the window takes, and the urgent byte after it: its place comes first. */
static void announce(const struct pair *p)
{
	static const char much[65000];
	char byte;

	assert_int_equal(send(p->peer, much, sizeof(much), 0), sizeof(much));
	assert_int_equal(send(p->peer, "!", 1, MSG_OOB), 1);
	for (int i = 0; i < 2000; i++) {
		errno = 0;
		if (recv(p->local, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN)
			return;
		usleep(5000);
	}
	fail_msg("the kernel announces nothing");
}

static void test_a_connection_with_urgent_data_on_its_way(void **state)
{
	struct daemon *d = *state;
	char buffer[70000];
	struct client c;
	struct pair p;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	pair_open(&p, c.listener);
	announce(&p);
	assert_string_equal(add(&c, p.local, NULL), OURS("WrongState"));
	assert_int_equal(shutdown(p.local, SHUT_RD), 0); /* the kernel tells less now */
	assert_string_equal(add(&c, p.local, NULL), OURS("WrongState"));
	wait_for_rules(d, 0);
	assert_int_equal(shutdown(p.peer, SHUT_WR), 0);
	while (recv(p.local, buffer, sizeof(buffer), 0) > 0)
		;
	pair_close(&p);
	client_close(&c);
	wait_until_clean(d);
}

static void test_received_in_line(void **state)
{
	struct daemon *d = *state;
	const int on = 1, off = 0;
	struct client c;
	struct pair p;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	pair_open(&p, c.listener);
	assert_int_equal(setsockopt(p.local, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)), 0);
	assert_string_equal(add(&c, p.local, NULL), OURS("WrongState"));
	assert_int_equal(setsockopt(p.local, SOL_SOCKET, SO_OOBINLINE, &off, sizeof(off)), 0);
	assert_null(add(&c, p.local, NULL));
	pair_close(&p);
	client_close(&c);
	wait_until_clean(d);
}

/* As many as a user may have asked about at a time, again and again: none is left over. */
static void test_many(void **state)
{
	struct daemon *d = *state;
	const int on = 1;
	struct client c;
	struct pair p;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	pair_open(&p, c.listener);
	assert_int_equal(setsockopt(p.local, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)), 0);
	for (unsigned i = 0; i < 20; i++)
		assert_string_equal(add(&c, p.local, NULL), OURS("WrongState"));
	/* Refused before it is asked. Not for long: without a guard the lease ends, after three tries. */
	for (unsigned i = 0; i < 20; i++) {
		sim_fail_operation(d->sim, "guard the flows", ENOBUFS, "no room");
		assert_string_equal(add(&c, p.local, NULL), OURS("KernelRejected"));
		sim_fail_operation(d->sim, NULL, 0, NULL);
		if (i % 4 == 3)
			assert_string_equal(add(&c, p.local, NULL), OURS("WrongState"));
	}
	/* The last copy is ours to close: no process keeps the connection. */
	close(p.local);
	assert_int_equal(poll(&(struct pollfd){ .fd = p.peer, .events = POLLRDHUP }, 1, 10000), 1);
	close(p.peer);
	client_close(&c);
	wait_until_clean(d);
}

static void test_allowed(void **state)
{
	struct daemon *d = *state;
	struct client c;
	struct pair p;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	pair_open(&p, c.listener);
	(void)tell(d, &p, c.port);
	assert_null(client_add_flow(&c));
	pair_close(&p);
	client_close(&c);
	wait_until_clean(d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_listener_with_a_connection),
		TEST(test_nothing_is_waited_for_without_a_connection),
		TEST(test_a_connection_that_is_half_made),
		TEST(test_by_value),
		TEST(test_a_flow_that_was_steered_just_now),
		TEST(test_a_connection_without_urgent_data),
		TEST(test_a_connection_with_urgent_data_on_its_way),
		TEST(test_received_in_line),
		TEST(test_many),
		cmocka_unit_test_setup_teardown(test_allowed, setup_allowing, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
