/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows through the real service on the simulated machine: whose they are, and for how long.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name

static int setup(void **state)
{
	static struct daemon d;

	daemon_start(&d, NULL);
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(*state);
	return 0;
}

static void test_flow_conflict(void **state)
{
	struct daemon *d = *state;
	struct client a, b;
	int fds[2];

	assert_null(client_open(d, &a, CLIENT_STEERED));
	assert_null(client_open(d, &b, CLIENT_BOUND));
	assert_string_equal(call_fds(b.link, "AddFlow", &b.handle, 1, NULL,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"flow\":"
				     "{\"protocol\":\"tcp4\",\"destinationPort\":%u}}", b.id, a.port),
			    OURS("FlowConflict"));
	fds[0] = b.handle;
	fds[1] = a.listener;
	assert_string_equal(call_fds(b.link, "AddFlow", fds, 2, NULL,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,"
				     "\"socketFileDescriptor\":1}", b.id),
			    OURS("FlowConflict"));
	wait_for_rules(d, 1);
	client_close(&a);
	client_close(&b);
	wait_until_clean(d);
}

/* The rule goes with the socket that proved it: closed, or shut down and kept. */
static void test_proof_ends(void **state)
{
	struct daemon *d = *state;
	struct client c;
	uint64_t cookie;
	socklen_t n = sizeof(cookie);

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_int_equal(shutdown(c.listener, SHUT_RDWR), 0);
	wait_for_rules(d, 0);
	assert_string_equal(lease_state(d, c.id), "bound");
	assert_string_equal(client_add_flow(&c), OURS("FlowNotProved"));

	close(c.listener);
	c.listener = listener_new(&c.port);
	assert_int_equal(getsockopt(c.listener, SOL_SOCKET, SO_COOKIE, &cookie, &n), 0);
	assert_null(client_add_flow(&c));
	wait_for_rules(d, 1);
	close(c.listener);
	c.listener = -EBADF;
	/* The simulated machine does not see real sockets end. */
	(void)sim_close_socket(d->sim, cookie);
	client_close(&c);
	wait_until_clean(d);
}

/* Nobody tells that a socket receives no more what it did: it is noticed all the same. */
static void test_proof_strays(void **state)
{
	struct daemon *d = *state;
	struct client c;
	uint64_t cookie;
	socklen_t n = sizeof(cookie);

	assert_null(client_open(d, &c, CLIENT_STEERED));
	wait_for_rules(d, 1);
	assert_int_equal(getsockopt(c.listener, SOL_SOCKET, SO_COOKIE, &cookie, &n), 0);
	sim_stray_socket(d->sim, cookie);
	wait_for_rules(d, 0);
	assert_string_equal(lease_state(d, c.id), "bound");
	assert_string_equal(client_add_flow(&c), OURS("FlowNotProved"));
	sim_stray_socket(d->sim, 0);
	assert_null(client_add_flow(&c));
	wait_for_rules(d, 1);
	client_close(&c);
	wait_until_clean(d);
}

static void wait_for_flows(struct daemon *d, const char *id, size_t n)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply;

	for (int i = 0; i < 2000; i++) {
		assert_null(call(link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", id));
		reply = sd_json_variant_by_key(reply, "lease");
		if (sd_json_variant_elements(sd_json_variant_by_key(reply, "flows")) == n)
			return;
		usleep(5000);
	}
	fail_msg("there are never %zu flows", n);
}

/* An address that is gone again before the rule for it is there takes the rule with it. */
static void test_address_goes_before_its_rule_comes(void **state)
{
	static const struct local_address addresses[] = {
		{ .protocol = FLOW_TCP4, .bytes = { 127, 0, 0, 1 } },
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 1 } },
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 2 } },
	};
	const struct sockaddr_in any = { .sin_family = AF_INET };
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	close(c.listener);
	c.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(c.listener, (const struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(c.listener, 1), 0);
	assert_null(client_add_flow(&c));
	wait_for_flows(d, c.id, 2);
	sim_set_delay(d->sim, 200);
	assert_int_equal(sim_set_addresses(d->sim, SIM0, addresses, 3), 0);
	wait_for_flows(d, c.id, 3);
	assert_int_equal(sim_set_addresses(d->sim, SIM0, addresses, 2), 0);
	wait_for_flows(d, c.id, 2);
	sim_set_delay(d->sim, 0);
	wait_for_rules(d, 2);
	client_close(&c);
	wait_until_clean(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flow_conflict),
		cmocka_unit_test(test_proof_ends),
		cmocka_unit_test(test_proof_strays),
		cmocka_unit_test(test_address_goes_before_its_rule_comes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
